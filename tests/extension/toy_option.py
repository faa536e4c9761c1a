"""An option of one's own, from its flag and policy field to its effect: `empty_files: COPY | SKIP`.

With SKIP, an object without a byte that the destination lacks is kept away, and counted as kept.
"""

from tests.extension.edits import Edit

EDITS = (
    # What a person can say; the flag's reader and the accepted values follow from ENUMS.
    Edit(
        "policy/options.py",
        '"""`bytes_per_second` without a limit."""\n',
        '''

class EmptyFiles(StrEnum):
    """Whether objects without a byte are copied."""

    COPY = "COPY"
    SKIP = "SKIP"
''',
    ),
    Edit(
        "policy/options.py",
        "    object_metadata: ObjectMetadata = ObjectMetadata.PRESERVE\n",
        "    empty_files: EmptyFiles = EmptyFiles.COPY\n",
    ),
    Edit("policy/options.py", '    "object_metadata": ObjectMetadata,\n', '    "empty_files": EmptyFiles,\n'),
    # The policy file's field and its JSON Schema: one line about it.
    Edit(
        "policy/fields_dataset.py",
        '    "object_metadata": "keep user metadata and content headers",\n',
        '    "empty_files": "copy objects without a byte, or leave them",\n',
    ),
    # The two doors of the command line: which options it takes, and the flag with its help.
    Edit("config/request.py", '    "object_metadata",\n', '    "empty_files",\n'),
    Edit(
        "cli/flags.py",
        '    choice("mtime", "Whether modification times are kept."),\n',
        '    choice("empty-files", "Whether objects without a byte are copied."),\n',
    ),
    # What a plan is told, what follows from it, and the reason's word in plans and reports.
    Edit("plan/rules.py", "from ferryline.policy.options import (\n", "    EmptyFiles,\n"),
    Edit(
        "plan/rules.py",
        "    metadata: ObjectMetadata = ObjectMetadata.PRESERVE\n",
        "    empty_files: EmptyFiles = EmptyFiles.COPY\n",
    ),
    Edit(
        "plan/rules.py",
        "            metadata=options.object_metadata,\n",
        "            empty_files=options.empty_files,\n",
    ),
    Edit(
        "plan/decide.py",
        "    if isinstance(pair, OnlySource):\n",
        "        if pair.source.size_bytes == 0 and rules.empty_files is EmptyFiles.SKIP:\n"
        "            return Keep(pair.source, Reason.EMPTY)\n",
    ),
    Edit(
        "plan/decide.py", "from ferryline.policy.options import ", "EmptyFiles, "
    ),
    Edit("model/action.py", '    TRANSFER_ALL = "transfer-mode-all"\n', '    EMPTY = "empty-files-skip"\n'),
)  # fmt: skip
