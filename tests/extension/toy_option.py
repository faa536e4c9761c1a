"""A worked example: an option `empty_files: COPY | SKIP`, as DataSync would name it.

The policy file, its JSON Schema and the flag follow from the table of enums; the decision is one line
where copies are decided; the reason is a stable word in plans and reports.
"""

from tests.extension.edits import Edit

EDITS = (
    Edit(
        "policy/options.py",
        'class TaskQueueing(StrEnum):\n    """Whether a run waits behind another run of the same task."""\n\n'
        '    ENABLED = "ENABLED"\n    DISABLED = "DISABLED"\n',
        '\n\nclass EmptyFiles(StrEnum):\n    """Whether objects without a byte are copied."""\n\n'
        '    COPY = "COPY"\n    SKIP = "SKIP"\n',
    ),
    Edit(
        "policy/options.py",
        "    log_level: LogLevel = LogLevel.BASIC\n",
        "    empty_files: EmptyFiles = EmptyFiles.COPY\n",
    ),
    Edit("policy/options.py", '    "log_level": LogLevel,\n', '    "empty_files": EmptyFiles,\n'),
    Edit(
        "policy/fields_dataset.py",
        '    "mtime": "keep the time of modification",\n',
        '    "empty_files": "copy objects without a byte",\n',
    ),
    Edit("config/request.py", '    "transfer_mode",\n', '    "empty_files",\n'),
    Edit(
        "cli/flags.py",
        '    choice("mtime", "Whether modification times are kept."),\n',
        '    choice("empty-files", "Whether objects without a byte are copied."),\n',
    ),
    Edit(
        "plan/rules.py",
        "    metadata: ObjectMetadata = ObjectMetadata.PRESERVE\n",
        "    skips_empty: bool = False\n",
    ),
    Edit(
        "plan/rules.py",
        "            metadata=options.object_metadata,\n",
        '            skips_empty=options.empty_files.value == "SKIP",\n',
    ),
    Edit("model/action.py", '    REFUSED_UNKNOWN = "on-unknown-refuse"\n', '    EMPTY = "empty-files-skip"\n'),
    Edit(
        "plan/decide.py",
        '    """A copy, or the refusal of an object that cannot be copied."""\n',
        "    if rules.skips_empty and source.size_bytes == 0:\n"
        "        return Keep(source, Reason.EMPTY)  # type: ignore[return-value]\n",
    ),
)
