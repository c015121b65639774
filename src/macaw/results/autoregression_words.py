"""What the page, the sheet and the terminal say of a text that came about token by token, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from macaw.results.autoregression import Autoregression
    from macaw.results.turns import Turn

CHAIN = (
    "A language model gives each token a probability, given all before it. The probability of the text is "
    "their product, and the surprise of a token, in bits, is how often it halves that: 1 bit is one of two, "
    "10 bits one of a thousand."
)
SHADE = "The darker a token, the more it surprised the model."
BARS = (
    "The wide bar is what the model says; the thin one, after, is what the token was drawn from, once the "
    "settings had cut and weighed."
)
BESIDE = "Below, in the colours of the chart: what {names} expected, with the same text before it."
ERASURE = (
    "Depends on: the darker a past token, the more all probabilities of this turn move when it alone is left "
    "out. This tells what the model uses, not why."
)
HOW = {"given": "given by the prompt", "drawn": "drawn", "taken": "taken by choice"}
CUTTING = {"top_k", "top_p", "min_p", "typical", "no_repeat"}  # the others only weigh anew
# What each setting does, and who described it
SETTINGS = {
    "temperature": "Probabilities to the power of one over it: below 1 the likely get likelier, 0 always "
    "takes the likeliest.",
    "top_k": "Only so many of the likeliest can come (Fan et al. 2018, arXiv 1805.04833).",
    "top_p": "Only the fewest likeliest that have so much probability together can come (Holtzman et al. "
    "2019, arXiv 1904.09751).",
    "min_p": "Only what is at least so many times as likely as the likeliest can come (Nguyen et al. 2024, "
    "arXiv 2407.01082).",
    "typical": "Only those whose surprise is nearest to the expected one can come, up to so much probability "
    "(Meister et al. 2022, arXiv 2202.00666).",
    "repetition": "Probabilities of tokens that are in the text already, to this power (Keskar et al. 2019, "
    "arXiv 1909.05858).",
    "presence": "So many nats less for each token that is in the text already.",
    "frequency": "So many nats less for each token, as often as it is in the text.",
    "no_repeat": "So many tokens in a row never come twice (Paulus et al. 2017, arXiv 1705.04304).",
}


def percent(prob: float) -> str:
    """A probability as people read it: `12.3 %`, `0.04 %`, `< 0.01 %`; and `0 %` for what never comes."""
    if prob >= 0.001:
        return f"{100 * prob:.1f} %"
    if prob >= 5e-5:
        return f"{100 * prob:.2f} %"
    return "< 0.01 %" if prob else "0 %"


def asked(why: Autoregression) -> str:
    """The settings and the seed, as people write them."""
    words = [f"{name.replace('_', '-')} {value:g}" for name, value in why.settings.items()]
    return ", ".join([*(words or ["the model's own probabilities"]), f"seed {why.seed}"])


def lede(why: Autoregression) -> str:
    """Who wrote how much, and how it was drawn."""
    added = len(why.ids) - why.given
    tokens = f"{added:,} token{'s' if added != 1 else ''}"
    end = ", and ended the document" if why.ends == "end" else ""
    return f"{why.model or 'The model'} added {tokens} to the prompt{end}. Drawn with {asked(why)}."


def power(logp: float) -> str:
    """A natural-log probability as a power of ten: `10^-3.9`."""
    return f"10^{logp / np.log(10):.1f}"


def product(why: Autoregression) -> str:
    """The chain rule at work: the first and last factors, and the product, as a power of ten."""
    factors = [f"{turn.prob:.2g}" for turn in why.turns]
    shown = factors if len(factors) <= 6 else [*factors[:3], "…", *factors[-2:]]
    before = f"{power(why.before)} × " if why.before else ""
    return f"{before}{' × '.join(shown)} = {power(float(why.running[-1]))}"


def compared(why: Autoregression) -> str:
    """What the shown tokens cost each model."""
    costs = [f"{name} {bits / len(why.turns):.2f}" for name, bits in why.bits.items()]
    return f"Mean bits a token over the {len(why.turns)} shown, less is better: {', '.join(costs)}."


def effect(turn: Turn) -> str:
    """What the settings that cut kept at this turn, one after the other."""
    cutting = (rule for rule in turn.rules if rule.name in CUTTING or rule.kept == 1)
    return "; ".join(f"{rule.title} keeps {rule.kept:,}{_share(rule.mass)}" for rule in cutting)


def _share(mass: float) -> str:
    return f" with {100 * mass:.0f} %" if mass < 0.995 else ""
