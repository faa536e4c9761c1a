"""Keys that break tools: a corpus for every test and every comparison table. Holds data only.

Used by the contract suite, by end-to-end tests, and by anybody who judges another tool by the same
keys. Every key is legal for S3 (valid UTF-8, at most 1,024 bytes, no NUL); they are meant to live
side by side in one folder, twins and `a` beside `a/b` included.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class HostileKey:
    """One key and what is hostile about it; `name` is usable as a test id."""

    name: str
    key: bytes


def _named(name: str, text: str) -> HostileKey:
    return HostileKey(name, text.encode("utf-8"))


_CONTROLS = tuple(
    HostileKey(f"control-{code:02x}", b"control-" + bytes([code]) + b"-end")
    for code in (*range(1, 0x20), 0x7F)
)

_WINDOWS = tuple(
    _named(f"windows-{index}", f"windows/{text}")
    for index, text in enumerate(
        (
            "CON",
            "aux.txt",
            "NUL",
            "COM1",
            "ends-with-dot.",
            "ends-with-space ",
            "a:b",
            "a?b",
            "a<b>c",
            'a"b',
            "a|b",
        )
    )
)

KEYS: Final[tuple[HostileKey, ...]] = (
    _named("double-slash", "slash//double"),
    _named("triple-slash", "slash///triple"),
    _named("leading-slash", "/leading"),
    _named("only-a-slash", "/"),
    _named("only-two-slashes", "//"),
    _named("trailing-slash", "folder/"),
    _named("beside-its-trailing-slash", "folder"),
    _named("below-its-trailing-slash", "folder/file"),
    _named("dot", "."),
    _named("dot-dot", ".."),
    _named("leading-dot-slash", "./relative"),
    _named("dot-in-the-middle", "dots/./middle"),
    _named("dot-dot-in-the-middle", "dots/../middle"),
    _named("escaping-upwards", "../../etc/escaped"),
    _named("ends-in-dot-dot", "dots/end/.."),
    _named("three-dots", "dots/..."),
    _named("hidden-file", ".hidden"),
    _named("order-a", "a"),
    _named("order-a-minus-b", "a-b"),
    _named("order-a-slash-b", "a/b"),
    _named("order-a-dot-b", "a.b"),
    _named("order-a0", "a0"),
    _named("deeper-below-a-file", "a/b/c"),
    _named("percent-alone", "100%"),
    _named("percent-20", "a%20b"),
    _named("percent-25", "a%25b"),
    _named("percent-2500", "a%2500b"),
    _named("percent-00", "a%00b"),
    _named("percent-2e", "%2E"),
    _named("percent-2e-2e", "%2E%2E"),
    _named("percent-2f", "a%2Fb"),
    _named("percent-self", "percent/%self"),
    _named("percent-empty", "percent/%empty"),
    _named("percent-escaped-self", "percent/%25self"),
    _named("percent-broken", "%zz%"),
    _named("plus", "a+b"),
    _named("space", "a b"),
    _named("leading-space", " leading"),
    _named("trailing-space", "trailing "),
    _named("newline", "line\nbreak"),
    _named("carriage-return", "carriage\rreturn"),
    _named("tab", "tab\tulator"),
    _named("single-quote", "it's"),
    _named("double-quote", 'say "so"'),
    _named("backquote", "`run`"),
    _named("backslash", "back\\slash"),
    _named("dollar", "$HOME/${env:HOME}"),
    _named("semicolon", "a;b"),
    _named("ampersand", "a&b&amp;c"),
    _named("question-mark", "what?versionId=null"),
    _named("hash", "a#b"),
    _named("equals", "key=value/part=1"),
    _named("at-sign", "user@host"),
    _named("colon", "s3://bucket/key"),
    _named("comma", "a,b"),
    _named("tilde", "~/home"),
    _named("glob", "glob/*[a-z]?{x,y}"),
    _named("html", "<script>alert(1)</script>"),
    _named("xml-end", "]]></Key>"),
    _named("leading-dash", "-rf"),
    _named("emoji", "emoji/🦀🚀"),
    _named("emoji-joined", "emoji/👩‍👩‍👧"),
    _named("umlaut-nfc", "twins/\u00e4pfel"),
    _named("umlaut-nfd", "twins/a\u0308pfel"),
    _named("case-upper", "twins/Case"),
    _named("case-lower", "twins/case"),
    _named("dotless-i", "twins/\u0131I\u0130i"),
    _named("ligature", "twins/\ufb01ne"),
    _named("bidi-override", "bidi/\u202egpj.exe"),
    _named("zero-width", "zero\u200bwidth"),
    _named("byte-order-mark", "\ufeffmark"),
    _named("line-separator", "line\u2028separator"),
    _named("noncharacter", "non\uffffcharacter"),
    _named("highest-code-point", "highest\U0010ffff"),
    _named("cjk", "数据集/训练"),
    _named("component-of-255-bytes", "long/" + "c" * 255),
    _named("component-of-256-bytes", "long/" + "d" * 256),
    _named("component-of-900-bytes", "long/" + "e" * 900),
    _named("wide-component", "long/" + "ü" * 127 + "x"),
    _named("deep", "/".join("d" for _ in range(400))),
    _named(
        "key-of-1024-bytes", "f" * 200 + "/" + "g" * 200 + "/" + "h" * 200 + "/" + "i" * 200 + "/" + "j" * 220
    ),
    *_WINDOWS,
    *_CONTROLS,
)
"""In no particular order; all different; none has a `.ferryline` segment."""

RESERVED_KEYS: Final = (b".ferryline", b".ferryline/x", b"deep/.ferryline/x", b"deep/.ferryline")
"""Keys that are ours at every depth: never data."""

NEARLY_RESERVED_KEYS: Final = (b".ferryline2", b".Ferryline/x", b"x.ferryline/y", b"a/.ferryline.bak")
"""Keys that only look reserved: data like any other."""
