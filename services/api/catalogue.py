"""What can be ordered, and for how much: prices in minor units (cents) of the shop's currency."""

from collections.abc import Mapping
from dataclasses import dataclass

CURRENCY = "EUR"


@dataclass(frozen=True, slots=True)
class Product:
    """Something that can be ordered."""

    name: str
    unit_price: int
    """In minor units."""


CATALOGUE: Mapping[str, Product] = {
    "espresso-beans": Product("Espresso beans, 1 kg", 1_890),
    "filter-papers": Product("Filter papers, 100 pieces", 450),
    "moka-pot": Product("Moka pot, 6 cups", 3_495),
    "milk-frother": Product("Milk frother", 2_250),
    "grinder": Product("Burr grinder", 18_900),
    "lever-machine": Product("Lever espresso machine, limited edition", 129_900),
}
