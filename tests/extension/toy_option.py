"""An option of one's own, from its flag to its effect: `empty_files: PRESERVE | FAIL`.

With FAIL, an object without a byte fails by name instead of being copied: in a data set it is usually
an accident. Five files, one thought each: what can be said, what is asked, what follows, and two doors.
"""

from tests.extension.changed import Change, Extension

OPTION = Extension(
    (
        # What a person can say. The policy file, its JSON Schema and the flag's reader follow from ENUMS.
        Change(
            "policy/options.py",
            "class TaskQueueing(StrEnum):\n",
            'class EmptyFiles(StrEnum):\n    """Whether objects without a byte are copied."""\n\n'
            '    PRESERVE = "PRESERVE"\n    FAIL = "FAIL"\n\n\nclass TaskQueueing(StrEnum):\n',
        ),
        Change(
            "policy/options.py",
            "    task_queueing: TaskQueueing = TaskQueueing.ENABLED\n",
            "    empty_files: EmptyFiles = EmptyFiles.PRESERVE\n"
            "    task_queueing: TaskQueueing = TaskQueueing.ENABLED\n",
        ),
        Change(
            "policy/options.py",
            '    "task_queueing": TaskQueueing,\n',
            '    "empty_files": EmptyFiles,\n    "task_queueing": TaskQueueing,\n',
        ),
        # What a plan asks.
        Change("plan/rules.py", "    ObjectMetadata,\n", "    EmptyFiles,\n    ObjectMetadata,\n"),
        Change(
            "plan/rules.py",
            "    metadata: ObjectMetadata = ObjectMetadata.PRESERVE\n",
            "    metadata: ObjectMetadata = ObjectMetadata.PRESERVE\n"
            "    empty_files: EmptyFiles = EmptyFiles.PRESERVE\n",
        ),
        Change(
            "plan/rules.py",
            "            metadata=options.object_metadata,\n",
            "            metadata=options.object_metadata,\n            empty_files=options.empty_files,\n",
        ),
        # What follows: an action that can be printed, counted and tested.
        Change(
            "plan/decide.py",
            "    largest = rules.destination.object_bytes_max\n",
            '    if source.size_bytes == 0 and rules.empty_files == "FAIL":\n'
            '        return Refuse(source, "empty-file", "it has no bytes: see to it, or use empty_files PRESERVE")\n'
            "    largest = rules.destination.object_bytes_max\n",
        ),
        # The two doors of the command line: which options it takes, and the flag with its help.
        Change("config/request.py", '    "mtime",\n', '    "mtime",\n    "empty_files",\n'),
        Change(
            "cli/flags.py",
            '    choice("mtime", "Whether modification times are kept."),\n',
            '    choice("mtime", "Whether modification times are kept."),\n'
            '    choice("empty-files", "Whether objects without a byte are copied."),\n',
        ),
    )
)
