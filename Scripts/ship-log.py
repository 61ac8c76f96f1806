#!/usr/bin/env python3
"""Writes Sources/DescentTraining/Resources/text/ship-log.txt: the log of a ship that never was.

A text in another manner than the stories, for fine-tuning: short entries of one form, so that a model that
takes it on shows it in every sample. The same seed writes the same bytes.
"""
import random
import sys
from pathlib import Path

if {"-h", "--help"} & set(sys.argv):
    sys.exit(__doc__)

MONTHS = [("January", 31), ("February", 28), ("March", 31), ("April", 30), ("May", 31), ("June", 30),
          ("July", 31), ("August", 31), ("September", 30), ("October", 31), ("November", 30),
          ("December", 31)]
WINDS = ["N", "NNE", "NE", "E", "SE", "S", "SSW", "SW", "W", "WNW", "NW"]
FORCES = [("calm", 8, "smooth"), ("light airs", 25, "smooth"), ("light breeze", 60, "slight"),
          ("moderate breeze", 110, "moderate"), ("fresh breeze", 150, "moderate"),
          ("strong breeze", 175, "rough"), ("gale", 90, "very rough")]
CREW = ["the cook", "the carpenter", "Mr. Pell", "the boy Edwin", "the second mate", "old Harrow",
        "the sailmaker", "the boatswain"]
WORK = ["mended the fore topsail", "caulked the deck abaft the mainmast", "tarred the lower rigging",
        "stowed the spare cable", "painted the longboat", "aired the bread room",
        "overhauled the pumps", "spliced the starboard braces", "cleaned the lamps",
        "shifted ballast forward"]
SIGHTS = ["Passed a brig standing to the {w}; she showed no colours.",
          "Saw two whales at a distance of half a mile.",
          "A great many birds about the ship.",
          "Sighted the light of Cape Morrow, bearing {w}, four leagues.",
          "Weed and driftwood in long lines.",
          "Spoke the barque Constance, {n} days from Port Ellin; all well.",
          "Flying fish came aboard in the night; the cook had nine of them.",
          "Land to the {w} at sunset, high and blue."]
HEALTH = ["All hands well.", "{c} has a fever and is excused from the watch.",
          "{c} hurt his hand at the windlass.", "{c} is better and back at work.",
          "One man on the sick list."]
ROUGH = ["Took two reefs in the main topsail at {b} bells.", "Shipped a heavy sea over the waist.",
         "Hove to under storm staysails.", "Lost the jib; bent another.",
         "Set the watch to the pumps; ten inches in the well."]
QUIET = ["Sails hanging idle all the forenoon.", "Hands allowed to bathe over the side.",
         "Washed clothes.", "Made no way until the evening watch."]


ONES = ("no one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen").split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
FIRST = ("first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
         "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth").split()


def words(n):
    """A number below 10,000 in words: the stories, from which a model may come, have no digits."""
    if n >= 1000:
        return words(n // 1000) + " thousand" + (" " + words(n % 1000) if n % 1000 else "")
    if n >= 100:
        return words(n // 100) + " hundred" + (" and " + words(n % 100) if n % 100 else "")
    if n >= 20:
        return TENS[n // 10 - 2] + ("-" + ONES[n % 10] if n % 10 else "")
    return ONES[n]


def ordinal(n):
    """The day of a month."""
    if n < 20:
        return FIRST[n - 1]
    if n % 10 == 0:
        return {20: "twentieth", 30: "thirtieth"}[n]
    return f"{TENS[n // 10 - 2]}-{FIRST[n % 10 - 1]}"


def capital(text):
    return text[0].upper() + text[1:]


def main():
    r = random.Random(1871)
    out = ["THE LOG OF THE SHIP HERON, FROM PORT ELLIN TO THE SOUTHERN ISLANDS AND HOME\n"]
    latitude, longitude, stores, force = 47.4, 6.1, 5200, 3
    south = True
    day = 0
    for year in ("seventy-one", "seventy-two"):
        for month, days in MONTHS:
            for date in range(1, days + 1):
                day += 1
                force = min(6, max(0, force + r.choice([-2, -1, -1, 0, 0, 1, 1, 2])))
                name, miles, sea = FORCES[force]
                wind = r.choice(WINDS)
                miles = max(0, round(r.gauss(miles, 14)))
                latitude += (-1 if south else 1) * miles * r.uniform(0.2, 0.9) / 60
                longitude += r.uniform(-1, 1.1) * miles / 60
                if latitude < -31:
                    south = False
                if latitude > 47:
                    south = True
                where = (f"{words(abs(int(latitude)))} degrees "
                         f"{'north' if latitude >= 0 else 'south'}")
                lines = [f"{capital(ordinal(date))} of {month}, {year}."]
                lines.append(f"Wind {wind}, {name}; sea {sea}." if force else f"Calm; sea {sea}.")
                lines.append(f"Latitude {where} at noon. {capital(words(miles))} miles since yesterday.")
                if force >= 5:
                    lines.append(r.choice(ROUGH).format(b=words(r.randint(2, 8))))
                elif force == 0:
                    lines.append(r.choice(QUIET))
                if r.random() < 0.7:
                    lines.append(f"{capital(r.choice(CREW))} {r.choice(WORK)}.")
                if r.random() < 0.35:
                    lines.append(r.choice(SIGHTS).format(w=r.choice(WINDS), n=words(r.randint(9, 60))))
                if r.random() < 0.3:
                    lines.append(capital(r.choice(HEALTH).format(c=r.choice(CREW))))
                if day % 7 == 0:
                    stores = stores - r.randint(180, 240) if stores > 900 else 5200
                    lines.append(f"Water remaining: {words(stores)} gallons.")
                out.append(" ".join(lines) + "\n")
                if len("\n".join(out)) > 80_000:
                    break
            else:
                continue
            break
        else:
            continue
        break
    path = Path(__file__).parent.parent / "Sources/DescentTraining/Resources/text/ship-log.txt"
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else path
    path.write_text("\n".join(out), encoding="ascii")
    print(f"{path}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
