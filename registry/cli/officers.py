"""Options of the commands by which an officer acts."""

from __future__ import annotations

from typing import Annotated

import typer

from registry.cli.session import bare_name

Officer = Annotated[str, typer.Option("--as", callback=bare_name, help="The officer who acts, by name.")]
NotAwaited = Annotated[str, typer.Option("--system", help="The connected system that is not waited for any longer.")]
Because = Annotated[str, typer.Option("--reason", help="Why: in the clear, in the audit log and in the certificate.")]
