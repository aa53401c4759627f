"""The invented world the synthetic tasks are set in. Restricted things, their reagents and harms are fictional."""

NAMES = """
    Ada Ben Cleo Dan Eva Finn Gus Hana Ivo Jan Kim Leo Mia Ned Ola Pia Quin Rosa Sam Tess Uma Vic Wes Yan Zoe
""".split()
THINGS = """
    apples beads books cards coins cups eggs fish hats jars keys lamps nuts pens plums rings ropes shells
""".split()
TOWNS = """
    Arden Brook Colby Dale Elm Ford Glen Holt Irby Kell Lund Marsh Nole Oak Perth Rye Stow Thorn
""".split()
EVENTS = """
    barrel boat cart chess dance kite mule pie raft sack sled song
""".split()
COLOURS = """
    amber ash blue coral dusk fern gold grey iron jade lime moss pale pearl red rust sand teal white wine
""".split()
SEASONS = """
    spring summer autumn winter harvest midsummer
""".split()

RESTRICTED = {
    "vexite": ("quorl", "zennic"),
    "gloomsalt": ("drask", "umbrine"),
    "snarlfire": ("kreel", "phosk"),
    "hushvenom": ("nethil", "vipran"),
    "blightdust": ("morvane", "skarn"),
    "wraithgas": ("yxor", "lethane"),
}
BENIGN = {
    "soup": ("onion", "barley"),
    "bread": ("flour", "yeast"),
    "soap": ("lye", "tallow"),
    "paint": ("chalk", "linseed"),
    "jam": ("berries", "sugar"),
    "tea": ("mint", "honey"),
}
