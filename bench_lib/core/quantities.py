"""Types of the figures in records and results, with the bounds outside of which a figure is no measurement."""

from typing import Annotated

from pydantic import Field

Milliseconds = Annotated[float, Field(ge=1e-6, le=1e10)]  # a nanosecond to four months
Seconds = Annotated[float, Field(ge=0, le=1e7)]
Count = Annotated[int, Field(ge=1, le=10**12)]
Bytes = Annotated[int, Field(ge=0, le=2**63)]
Flops = Annotated[int, Field(ge=0, le=10**24)]
