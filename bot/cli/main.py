"""The ``riffbird`` command: registers the commands and turns errors into one line and an exit status."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from bot.cli.console import print_status
from bot.cli.errors import FAILED, REFUSED, is_refusal, missing_library

COMMANDS = {
    "compose": "bot.cli.compose:compose",
    "genres": "bot.cli.genres:app",
    "inspect": "bot.cli.inspect.command:inspect",
    "sound": "bot.cli.sound:sound",
    "score": "bot.cli.score:score",
    "train": "bot.cli.train.command:train",
    "evaluate": "bot.cli.evaluate:evaluate",
    "corpus": "bot.cli.corpus:app",
    "benchmark": "bot.cli.benchmark.command:app",
    "serve": "bot.cli.service:serve",
    "worker": "bot.cli.service:worker",
    "api": "bot.cli.service:api",
    "bot": "bot.cli.bot:bot",
    "queue": "bot.cli.queue:app",
    "songs": "bot.cli.requests.songs:app",
}
"""Function or group of each command; only the requested one is imported."""


def build(wanted: list[str]) -> typer.Typer:
    """The parser with the ``wanted`` commands."""
    app = typer.Typer(
        name="riffbird",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(riffbird)
    for name in wanted:
        module, _, attribute = COMMANDS[name].partition(":")
        command = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def riffbird(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback when something fails.")] = False,
) -> None:
    """A band you can tweet at: compose songs, train genres, serve it."""
    _ = debug  # removed from the arguments in main, since it may stand anywhere


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit with its status."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    words = [word for word in given if word != "--debug"]
    try:
        app = build([words[0]] if words and words[0] in COMMANDS else list(COMMANDS))
        # Typer's own exits print several lines and use 2 for bugs.
        status = app(words, standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        print_status("riffbird: interrupted")
        sys.exit(130)
    except Exception as error:
        if debug:
            raise
        usage = getattr(error, "format_message", None)  # typer has its own copy of click's usage errors
        if usage or is_refusal(error):
            print_status(f"riffbird: {_one_line(usage() if usage else str(error))}")
            sys.exit(REFUSED)
        if advice := missing_library(error):
            print_status(f"riffbird: {advice}")
            sys.exit(REFUSED)
        what = _one_line(f"{type(error).__name__}: {error}")
        print_status(f"riffbird: failed by an error of the program: {what} (--debug shows the traceback)")
        sys.exit(FAILED)
    sys.exit(status if isinstance(status, int) else 0)


def _one_line(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    main()
