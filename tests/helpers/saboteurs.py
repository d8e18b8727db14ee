"""Engines that cheat: they answer something else than their network does. A check of answers must refuse each."""

import torch

from bench_lib.measure import accuracy

FP8_LARGEST = 448  # of E4M3


class Saboteur:
    """Wraps an engine; `ran` stays what the engine says, so that the cheat is labelled as the engine is.

    What the engine answers to the batch that it was built for, is there from the beginning.
    """

    def __init__(self, engine):
        self.engine, self.ran = engine, engine.ran
        self.engine.run()
        self.engine.synchronize()
        self.built_for = self.engine.outputs()[0].clone()

    def fill(self, images):
        self.engine.fill(images)

    def run(self):
        self.engine.run()

    def synchronize(self):
        self.engine.synchronize()

    def outputs(self):
        return (self.cheat(self.engine.outputs()[0]),)


class Mean(Saboteur):
    """The mean of the answers to the first batch, for every image."""

    def cheat(self, answers):
        return self.built_for.float().mean(0).to(answers.dtype).expand_as(answers)


class First(Saboteur):
    """The answer to the first image, for every image."""

    def cheat(self, answers):
        return self.built_for[:1].expand_as(answers)


class Another(Saboteur):
    """The answers to the batch that it was built for, whatever it is filled with."""

    def cheat(self, _answers):
        return self.built_for


class Stale(Saboteur):
    """The answers of the run before."""

    def run(self):
        self.before = self.engine.outputs()[0].clone()
        super().run()

    def cheat(self, _answers):
        return self.before


class Zeros(Saboteur):
    """Zeros."""

    def cheat(self, answers):
        return torch.zeros_like(answers)


class Fp8(Saboteur):
    """The answers rounded to fp8."""

    def cheat(self, answers):
        return answers.to(torch.float8_e4m3fn).to(answers.dtype)


class ScaledFp8(Saboteur):
    """The answers rounded to fp8 with a scale for each batch, in which fp8 holds the most."""

    def cheat(self, answers):
        scale = answers.float().abs().max() / FP8_LARGEST
        return ((answers.float() / scale).to(torch.float8_e4m3fn).float() * scale).to(answers.dtype)


class NotANumber(Saboteur):
    """The answers, one of them NaN."""

    def cheat(self, answers):
        spoilt = answers.clone()
        spoilt[-1, -1] = float("nan")
        return spoilt


SABOTEURS = (Mean, First, Another, Stale, Zeros, Fp8, ScaledFp8, NotANumber)


def saboteurs(precision):
    """Those that cheat in this precision: in int8, eight bits are what was asked for."""
    return [kind for kind in SABOTEURS if precision != "int8" or kind not in (Fp8, ScaledFp8)]


class Recorded:
    """An engine for images that are numbers of answers, `[batch, 1, 1, 1]`: it looks up what was recorded for them.

    It is built for the last of them.
    """

    def __init__(self, answers, batch_size, kernels=None):
        self.answers, self.ran = answers, {"kernels": kernels} if kernels else {}
        self.images = torch.arange(len(answers) - batch_size, len(answers))

    def fill(self, images):
        self.images = images.flatten()

    def run(self):
        self.given = self.answers[self.images]

    def synchronize(self):
        pass

    def outputs(self):
        return (self.given,)


def judged(engine, images, batch_size, precision, against):
    """The `Accuracy` of an engine's answers to the images, and whether they are accepted."""
    output = accuracy.answers(engine, images, batch_size)[0]
    compared = accuracy.compare(output, against, precision, engine.ran.get("kernels"))
    return compared, accuracy.is_acceptable(compared)
