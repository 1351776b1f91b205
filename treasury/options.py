"""The options that several commands share, each with its one name and its one word of help."""

from typing import Annotated

import typer

Period = Annotated[str, typer.Option("--period", help="The month, YYYY-MM.", metavar="YYYY-MM")]
MaybePeriod = Annotated[str | None, typer.Option("--period", help="The month, YYYY-MM.", metavar="YYYY-MM")]
As = Annotated[str, typer.Option("--as", help="Who acts.", metavar="NAME")]
MaybeAs = Annotated[
    str | None, typer.Option("--as", help="Who acts; the system's user, when not given.", metavar="NAME")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, in words without personal data.")]
Bank = Annotated[str | None, typer.Option("--bank", help="One bank by its code; all of them, when not given.")]
Source = Annotated[
    str,
    typer.Option(
        help="A folder or fsspec URL, a platform's https address, a database's DSN, or NAME of [sources.NAME] in salur.toml.",
        metavar="SOURCE",
    ),
]
Full = Annotated[bool, typer.Option("--full", help="Ask a platform or database for all rows, not only new ones.")]
Json = Annotated[bool, typer.Option("--json", help="Standard output is one JSON object.")]
