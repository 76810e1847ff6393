"""The command ``prunesweep show``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import AsJson, StoreUrl, Wide, console, table_format

EXAMPLE = "prunesweep show 3f2a91c0de"


def show(
    trial: Annotated[str, typer.Argument(metavar="TRIAL", help="The key of a trial, or the beginning of it.")],
    store: StoreUrl = DEFAULT_STORE,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Show everything about one trial: setting, relatives, accuracies, size, training, and the command that makes it.

    Trials that failed are found, too. docs/query.md explains the fields of the JSON.
    """
    from prunesweep.orchestrator.display.trial_page import print_page
    from prunesweep.orchestrator.trial_facts.facts import show_trial

    chosen = table_format(wide, as_json=as_json)
    facts = show_trial(store, trial)
    if chosen == "json":
        print(facts.as_json())
    else:
        print_page(facts, console(), wide=chosen == "wide")
