"""A round of Be the critic -> what is seen of it: one picture, or the verdict with all of them (pure functions)."""

from __future__ import annotations

from ..quizzes import COUNT, Quiz, Room, Shown, rate
from .views import bar, hint, note, png_uri, safe
from .words import say

LARGE = 320  # pixels that a side of the picture has at most on the screen; whole multiples keep its pixels crisp


def intro(room: Room | None, trouble: str = "", language: str = "en") -> str:
    """What it is, and how to begin; `room` is what others said so far, `trouble` why it cannot begin."""
    told = say(
        "You see {count} pictures, one at a time. Each is a real one that the model never saw, or one that it just "
        "made: a coin decides. Can you tell them apart?",
        language,
        count=COUNT,
    )
    button = (
        f'<button type="button" class="quiz-button first" data-quiz="begin">{safe(say("Begin", language))}</button>'
    )
    others = _room(room, language) if room else ""
    return f'<div class="quiz"><p class="quiz-told">{safe(told)}</p>{button}{note(trouble, "warn")}{others}</div>'


def shown(quiz: Quiz, language: str = "en") -> str:
    """The picture in question, or how the round ended."""
    return _verdict(quiz, language) if quiz.verdict else _question(quiz, language)


def _question(quiz: Quiz, language: str) -> str:
    place = say("{n} of {count}", language, n=quiz.number, count=quiz.count)
    spoken = say("Picture {n} of {count}: real or made?", language, n=quiz.number, count=quiz.count)
    side = quiz.pixels.shape[0]
    width = side * max(1, LARGE // side)
    why = say("What was what is told at the end, so that no picture gives away the next.", language)
    keys = say("Keys: ← or R says real, → or M says made.", language)
    few = say("This set is so small that the model learned from the real pictures as well.", language)
    return (
        f'<div class="quiz"><div class="stage" tabindex="-1" data-number="{quiz.number}" role="group" '
        f'aria-label="{safe(spoken)}">{bar((quiz.number - 1) / quiz.count, place, quiz.kind)}'
        f'<img class="quiz-picture" src="{png_uri(quiz.pixels)}" style="width:{width}px" alt="{safe(spoken)}">'
        '<div class="quiz-answers">'
        f'<button type="button" class="quiz-button" data-quiz="real"><kbd>←</kbd>{safe(say("Real", language))}</button>'
        f'<button type="button" class="quiz-button" data-quiz="made">{safe(say("Made", language))}<kbd>→</kbd></button>'
        f'</div><p class="hint">{safe(why)} <span class="keys">{safe(keys)}</span></p>'
        f"{note(few) if quiz.seen else ''}</div></div>"
    )


def _verdict(quiz: Quiz, language: str) -> str:
    verdict = quiz.verdict
    right = say("You told {right} of {count} right.", language, right=verdict.right, count=quiz.count)
    facts = {"low": verdict.low, "high": verdict.high}
    guessing = say("By guessing alone, at least 95 of 100 people get {low} to {high}.", language, **facts)
    said = {
        "could": say("So you could tell them apart.", language),
        "could not": say("So you could not tell them apart: this is what coins get, too.", language),
        "turned": say("So you could tell them apart, but took the made ones for the real ones.", language),
    }[verdict.outcome]
    tiles = "".join(_tile(number, each, language) for number, each in enumerate(verdict.shown, start=1))
    again = safe(say("A fresh round", language))
    return (
        f'<div class="quiz"><div class="quiz-verdict" tabindex="-1"><p class="quiz-right">{safe(right)}</p>'
        f"{_ruler(verdict.right, quiz.count, verdict.low, verdict.high, language)}"
        f"{note(f'{guessing} {said}', 'plain' if verdict.outcome == 'could not' else 'good')}</div>"
        f'<button type="button" class="quiz-button first" data-quiz="begin">{again}</button>'
        f'<ol class="quiz-shown">{tiles}</ol>{_room(quiz.room, language)}</div>'
    )


def _ruler(right: int, count: int, low: int, high: int, language: str) -> str:
    """Where the number of right answers lies beside the band of guessing."""

    def share(value: float) -> str:
        return f"{100 * value / count:.1f}%"

    words = safe(say("by guessing: {low} to {high}", language, low=low, high=high))
    return (
        f'<div class="quiz-ruler" aria-hidden="true"><i style="left:{share(low)};width:{share(high - low)}"></i>'
        f'<b style="left:{share(right)}">{right}</b><span style="left:{share((low + high) / 2)}">{words}</span></div>'
    )


def _tile(number: int, each: Shown, language: str) -> str:
    was = say("made", language) if each.made else say("real", language)
    said = say("you said made", language) if each.said_made else say("you said real", language)
    mark, kind = ("✓", "right") if each.right else ("✗", "wrong")
    spoken = say("Picture {n}", language, n=number) + (f", {each.kind}" if each.kind else "")
    return (
        f'<li class="{kind}"><img src="{png_uri(each.pixels)}" alt="{safe(spoken)}">'
        f'<span><b>{safe(was)}</b><span aria-hidden="true">{mark}</span></span><small>{safe(said)}</small></li>'
    )


def _room(room: Room, language: str) -> str:
    """What everybody's rounds at this model add up to."""
    if not room.rounds:
        return hint(say("Nobody has played a round at this model yet.", language))
    rounds = say("1 round", language) if room.rounds == 1 else say("{n} rounds", language, n=room.rounds)
    rows = (
        (say("Made pictures taken for real", language), room.fooled, room.made),
        (say("Real pictures taken for real", language), room.trusted, room.real),
    )
    told = "".join(_rate_row(words, hits, count, language) for words, hits, count in rows)
    why = say(
        "The nearer the two bars, the less people can tell. The thin line is the exact 95 % interval, as if each "
        "answer stood alone. Only counts are kept.",
        language,
    )
    title = safe(say("Everybody so far: {rounds}", language, rounds=rounds))
    return f'<div class="quiz-room"><h3>{title}</h3>{told}{hint(why)}</div>'


def _rate_row(words: str, hits: int, count: int, language: str) -> str:
    value, low, high = rate(hits, count)
    facts = {"hits": hits, "count": count, "low": f"{100 * low:.0f}", "high": f"{100 * high:.0f}"}
    band = say("{hits} of {count}, {low} to {high} %", language, **facts)
    share = f"{100 * value:.0f} %" if count else "–"
    return (
        f'<div class="rate"><span>{safe(words)}</span><b>{share}</b><small>{safe(band)}</small>'
        f'<div class="rate-bar" aria-hidden="true"><i style="width:{100 * value:.1f}%"></i>'
        f'<u style="left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"></u></div></div>'
    )
