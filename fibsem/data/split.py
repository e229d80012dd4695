from dataclasses import dataclass
@dataclass(frozen=True)
class SplitRecipe:
    gap:int=10; guard_px:int=40; guard_slices:int=5; seed:int=0; size:int=256
