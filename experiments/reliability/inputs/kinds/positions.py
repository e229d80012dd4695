"""Positions in the names of slices: right is the size along z that they tell, or none."""

from films import N, folder

from fibsem.data.volumes import open_volume

#: Names of slices 20 nm apart, and whether they contain this distance.
NAMES = {
    "slice_{k:05d}_z={um:.4f}um.tif": True,
    "slice_{k:05d}_z={um:.4f}\u00b5m.tif": True,
    "slice_{k:05d}_z={um:.4f}\u03bcm.tif": True,
    "slice_{k:05d}_z={comma}um.tif": True,
    "slice_{k:05d} z {um:.2f} um.tif": True,
    "slice_{k:05d}_Z{nm}nm.tif": True,
    "slice_{k:05d}_z-pos_{nm}nm.tif": True,
    "z={nm}nm.tif": True,
    "z{nm:05d}nm.TIF": True,
    "{k}_z_{mm:.6f}mm.tif": True,
    "slice_{k:05d}_z=-{nm}nm.tif": True,
    "slice_{k:05d}_z={nm}.tif": False,
    "slice_{k:05d}_{nm}nm.tif": False,
    "slice_{k:05d}_dz={nm}nm.tif": False,
    "slice_{k:05d}_viz{nm}nm.tif": False,
    "slice_{k:05d}_z=20nm.tif": False,
    "slice_{k:05d}_x={um:.4f}um.tif": False,
    "slice_{k:05d}_z={nm}nmol.tif": False,
}


def told(name, wanted):
    def right():
        each = [
            {"k": k, "nm": 20 * k, "um": 0.02 * k, "mm": 2e-5 * k, "comma": f"{2 * k},00"}
            for k in range(1, len(N) + 1)
        ]
        factor = 100 if "comma" in name else 1
        nm = open_volume(folder([name.format(**one) for one in each])).voxel_nm[0]
        return nm is None if not wanted else nm is not None and abs(nm / factor - 20) < 1e-6

    return right


def inputs():
    for name, wanted in NAMES.items():
        yield name, told(name, wanted)
