from __future__ import annotations
from dataclasses import dataclass, field
from typing import Literal
from pathlib import Path
import numpy as np, yaml, csv, tifffile
from fibsem.geometry import Box
from fibsem.data.volumes import open_volume, Volume, VoxelNm
from fibsem.data.split import SplitRecipe
IGNORE=255
Split=Literal["train","val","test"]; SPLITS=("train","val","test")
@dataclass(frozen=True)
class Region:
    sample:str; name:str; box:Box; split:str|None; reader: object=field(repr=False,default=None)
    def read(self): return self.reader()
@dataclass(frozen=True)
class Sample:
    name:str; volume:object; regions:tuple; expected_porosity: float|None=None
@dataclass(frozen=True)
class Dataset:
    name:str; path:Path; voxel_nm:tuple; classes:dict; ignore:int|None; samples:tuple
    def regions(self,split): return tuple(r for s in self.samples for r in s.regions if r.split==split)
    @property
    def hash(self): return "tmp"
def _lab(a): return (a>0).astype(np.uint8)
def load_dataset(path, recipe=SplitRecipe(), *, check=True):
    p=Path(path); p=p/"dataset.yaml" if p.is_dir() else p
    d=yaml.safe_load(p.read_text()); out=[]
    for s in d["samples"]:
        v=open_volume(p.parent/s["volume"]); regs=[]
        if "regions" in s:
            f=p.parent/s["regions"]
            for row in csv.DictReader(f.open()):
                m=f.parent/row["mask"]; shp=tifffile.imread(m).shape
                z,y,x=int(row["z"]),int(row["y"]),int(row["x"])
                regs.append(Region(s["name"],row["mask"],Box((z,y,x),(z+1,y+shp[0],x+shp[1])),row["split"],lambda m=m:_lab(tifffile.imread(m))))
        elif "labels" in s:
            l=open_volume(p.parent/s["labels"]); n=v.shape[0]; use=n-2*recipe.gap; a=round(.6*use); b=round(.2*use)
            for z in range(n):
                sp="train" if z<a else None if z<a+recipe.gap else "val" if z<a+recipe.gap+b else None if z<a+b+2*recipe.gap else "test"
                if sp:
                    bx=Box((z,0,0),(z+1,*v.shape[1:])); regs.append(Region(s["name"],f"z{z}",bx,sp,lambda l=l,bx=bx:_lab(l.read(bx)[0])))
        out.append(Sample(s["name"],v,tuple(regs)))
    vx=d["voxel_nm"]; return Dataset(d["name"],p,(vx["z"],vx["y"],vx["x"]),d["classes"],None,tuple(out))
def check_depth(*a): pass
