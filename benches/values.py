"""Generated values of SQL: literals, columns, and what is done with them.

They are written as templates with holes in braces: a kind of value (`{int}`), numbers of which one
is taken (`{1..3}`), or texts of which one is (`{+|-|*}`). `{any}` is a kind that is the same in all
of a template; a brace of SQL is doubled.
"""

import random
import re

COLUMNS = {"a": "int", "b": "text", "c": "bool", "d": "date", "e": "numeric", "f": "float8",
           "g": "timestamp", "h": "timestamptz", "k": "interval", "m": "jsonb", "n": "int[]",
           "o": "text[]"}
KINDS = list(COLUMNS.values())
NUMBERS, MOMENTS = ["int", "numeric", "float8"], ["date", "timestamp", "timestamptz"]

DAY = "2024-{01-31|02-29|03-31|10-27}"
CLOCK = "{00:00:00|02:30:00|15:45:59.5}"

LITERALS = {
    "int": ["{-3..5}"],
    "text": ["'{a|b|ab|B||x y|a,b}'::text"],
    "bool": ["{true|false}"],
    "date": ["date '2024-0{1..3}-{10..13}'"],
    "numeric": ["{-2..3}.{0|5|25}::numeric"],
    "float8": ["'{-2|0|0.5|1.25|3|Infinity|NaN}'::float8"],
    "timestamp": [f"timestamp '{DAY} {CLOCK}'"],
    "timestamptz": [f"timestamptz '{DAY} {CLOCK}{{+00|+02|-05:30}}'"],
    "interval": ["interval '{1 day|-2 hours|1 mon|1 mon 2 days 03:04:05|-3 days|90 minutes}'"],
    "jsonb": ["jsonb '{null|true|1|2|\"a\"|\"b\"}'", "jsonb '[{1|2|null}, \"{a|b}\"]'",
              "jsonb '{{\"n\": {1..3}, \"s\": \"{a|b}\"}}'", "jsonb '{{\"l\": [{1..3}, {{}}]}}'"],
    "int[]": ["ARRAY[{1..3}, {NULL|1|2}]", "'{{}}'::int[]", "'{{3,1,{1..3}}}'::int[]"],
    "text[]": ["ARRAY['{a|b}', '{b|x y}']", "'{{}}'::text[]", "'{{a,NULL,\"x y\"}}'::text[]"],
}

OF_ALL_KINDS = [
    "coalesce({any}, {any})",
    "CASE WHEN {bool} THEN {any} ELSE {any} END",
    "CASE {int} WHEN {0..2} THEN {any} WHEN {int} THEN {any} END",
    "nullif({any}, {any})",
    "{greatest|least}({any}, {any})",
]

OPERATIONS = {
    "int": [
        "({int} {+|-|*} {int})",
        "({int} {/|%} {1|2|3|-2})",
        "{length|ascii}({text})",
        "position({text} IN {text})",
        "({bool})::int",
        "({date} - {date})",
        "round({numeric})::int",
        "extract({day|month|dow|doy|week|quarter|isodow} FROM {date})::int",
        "extract({hour|minute|second|day|dow} FROM {timestamp})::int",
        "extract({hour|month|isodow} FROM {timestamptz})::int",
        "extract({hour|minute|day|month|year} FROM {interval})::int",
        "({jsonb}->>'n')::int",
        "jsonb_array_length(jsonb_build_array({int}, {jsonb}))",
        "({int[]})[{0..3}]",
        "cardinality({int[]|text[]})",
        "array_{length|upper|lower}({int[]}, {1|1|2})",
        "array_position({text[]}, {text})",
    ],
    "text": [
        "({text} || {text})",
        "{upper|lower|initcap|reverse|quote_literal}({text})",
        "({int|bool|date|float8|timestamp|timestamptz|interval|jsonb|int[]|text[]})::text",
        "substr({text}, {0..2}, {0..3})",
        "{left|right}({text}, {-2..2})",
        "concat({text}, {int}, {bool})",
        "concat_ws('{,|-}', {text}, {date}, {int})",
        "split_part({text}, '{ |,|b}', {1|2|-1})",
        "replace({text}, '{a|b|x}', {text})",
        "translate({text}, 'ab', '{x|xy}')",
        "overlay({text} PLACING 'z' FROM {1..3})",
        "{lpad|rpad}({text}, {0..4}, '{*|xy}')",
        "{trim|ltrim|rtrim|btrim}({text}, 'a{b|x}')",
        "trim({BOTH|LEADING|TRAILING} '{a|b}' FROM {text})",
        "regexp_replace({text}, '{[ab]|^a|b+|(.)(.)|x?}', '{|z|[\\1]|\\&}', '{|g|i}')",
        "format('%s-%L {%5s|%-3s|%2$s|%%}', {text}, {int}, {date})",
        "to_char({timestamp}, '{YYYY-MM-DD|HH24:MI:SS|DD Mon|FMDay|Q|DDD|HH12:MI:SS.MS AM|D WW}')",
        "to_char({interval}, '{HH24:MI:SS|DD HH12:MI|YY-MM}')",
        "to_char({int|numeric}, '{999|000|S99.9|FM990.00|9,990.0}')",
        "({jsonb}->>'{n|s|l}')",
        "({jsonb}->>{0|1|-1})",
        "({jsonb}#>>'{{l,0}}')",
        "jsonb_typeof({jsonb})",
        "({text[]})[{0..3}]",
        "array_to_string({int[]|text[]}, '{,|}'{|, '-'})",
    ],
    "bool": [
        "({jsonb} {@>|<@} {jsonb})",
        "({jsonb} ? '{n|s|a}')",
        "({int[]} {@>|<@|&&} {int[]})",
        "({text[]} {@>|<@|&&} {text[]})",
        "({int} {=|<>|<} {ANY|ALL}({int[]}))",
        "({text} {=|<>|>} {ANY|ALL}({text[]}))",
        "({text} {LIKE|NOT LIKE|ILIKE} '{a%|%b|_|}')",
        "({text} {~|!~|~*} '{a|^b|^$}')",
        "(({date}, {date}) OVERLAPS ({date}, {date}))",
    ],
    "date": [
        "({date} {+|-} {int})",
        "date_trunc('{month|week|quarter}', {date})::date",
        "({timestamp|timestamptz})::date",
        "make_date(2024, {1..3}, {1..28})",
    ],
    "numeric": [
        "({numeric} {+|-} {numeric})",
        "({numeric} * {int})",
        "{floor|ceil|abs|sign}({numeric})",
        "{round|trunc}({numeric}, 1)",
        "({int})::numeric",
        "extract(epoch FROM {date|timestamp|timestamptz|interval})",
        "extract({second|milliseconds} FROM {timestamp|interval})",
    ],
    "float8": [
        "({float8} {+|-|*} {float8} + 0)",
        "({float8} / {2|4|-0.5})",
        "({int|numeric})::float8",
        "({floor|ceil|round|trunc|abs}({float8}) + 0)",
        "(- {float8})",
    ],
    "timestamp": [
        "({date|timestamp} {+|-} {interval})",
        "date_trunc('{hour|day|week|month|quarter}', {timestamp})",
        "date_bin('{15 minutes|2 days}', {timestamp}, timestamp '2024-01-01')",
        "({timestamptz} AT TIME ZONE '{UTC|Europe/Berlin|America/New_York}')",
        "({date|timestamptz})::timestamp",
    ],
    "timestamptz": [
        "({timestamptz} {+|-} {interval})",
        "date_trunc('{hour|day|week|month}', {timestamptz}{|, 'Europe/Berlin'})",
        "({timestamp} AT TIME ZONE '{UTC|Europe/Berlin|America/New_York}')",
        "({date|timestamp})::timestamptz",
        "to_timestamp({int})",
    ],
    "interval": [
        "({interval} {+|-} {interval})",
        "({timestamp} - {timestamp})",
        "({timestamptz} - {timestamptz})",
        "age({timestamp|date}, {timestamp})",
        "({interval} {*|/} {2|4|-1|0.5})",
        "(- {interval})",
        "justify_{days|hours|interval}({interval})",
        "make_interval(months => {int}, days => {int})",
        "date_trunc('{hour|day|month}', {interval})",
    ],
    "jsonb": [
        "({jsonb}->'{n|s|l}')",
        "({jsonb}->{0|1|-1})",
        "({jsonb}#>'{{l,{0|1}}}')",
        "({jsonb} || {jsonb})",
        "jsonb_build_object('n', {int}, 's', {text|bool|jsonb|date})",
        "jsonb_build_array({int}, {text|timestamp|interval|text[]})",
        "to_jsonb({int|text|bool|date|timestamp|timestamptz|int[]|text[]})",
        "(jsonb_build_object('n', {int}, 's', {text}) - '{n|s|x}')",
        "jsonb_set(jsonb_build_object('n', {int}), '{{{n|s}}}', {jsonb}{|, false})",
        "jsonb_strip_nulls({jsonb})",
    ],
    "int[]": [
        "({int[]} || {int[]|int})",
        "({int} || {int[]})",
        "ARRAY[{int}, {int}]",
        "({int[]})[{0..2}:{1..3}]",
        "array_{remove|append}({int[]}, {int})",
        "array_replace({int[]}, {int}, {int})",
    ],
    "text[]": [
        "({text[]} || {text[]|text})",
        "ARRAY[{text}, {text}]",
        "({text[]})[{|2}:{|2}]",
        "array_{remove|append}({text[]}, {text})",
        "string_to_array({text}, {',' |' '|NULL|''}{|, 'a'})",
        "regexp_split_to_array({text}, '{[ ,]|b|}')",
    ],
}

CONDITIONS = [
    "({any} {=|<>|<|>|<=|>=} {any})",
    "({any} IS {|NOT }NULL)",
    "({any} {|NOT }IN ({any}, {any}, {any}))",
    "({any} {|NOT }BETWEEN {any} AND {any})",
    "({any} IS {|NOT }DISTINCT FROM {any})",
    "({number} {=|<>|<|>=} {number})",
    "({moment} {=|<>|<|>=} {moment})",
    "(ROW({int}, {any}) {=|<>|<|>=} ROW({int}, {any}))",
    "(({any}, {text}) {|NOT }IN (({any}, {text}), ({any}, {text})))",
    "(ROW({any}, {int}) IS {|NOT }NULL)",
    "(ROW({any}, {int}) IS {|NOT }DISTINCT FROM ROW({any}, {int}))",
]

COMPOSED_CONDITIONS = [
    "({bool} {AND|OR} {bool})",
    "(NOT {bool})",
    "({bool} IS {|NOT }{TRUE|FALSE})",
]


class Scope:
    """Relations that an expression sees: by their names, the kinds of their columns."""

    def __init__(self, **relations):
        self.relations = relations

    def and_of(self, other):
        return Scope(**self.relations, **other.relations)

    def names(self):
        return list(self.relations)

    def columns(self, *kinds):
        return [f"{name}.{column}" for name, columns in self.relations.items()
                for column, kind in columns.items() if kind in kinds]


class Values:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def one_of(self, choices):
        return self.random.choice(choices)

    def maybe(self, chance):
        return self.random.random() < chance

    def some(self, choices, most):
        return self.random.choices(choices, k=self.random.randint(1, most))

    def fill(self, template, value=None, kind=None):
        """A template with its holes filled: those of values by what `value` makes of a kind."""
        known = {"any": [kind], "number": NUMBERS, "moment": MOMENTS}

        def filled(hole):
            inside = hole[1]
            if inside is None:
                return hole[0][0]
            if ".." in inside:
                return str(self.random.randint(*map(int, inside.split(".."))))
            choices = known.get(inside) or inside.split("|")
            chosen = self.one_of(choices)
            return value(chosen) if value and set(choices) <= set(KINDS) else chosen

        return re.sub(r"\{\{|\}\}|\{([^{}]*)\}", filled, template)

    def literal(self, kind):
        if self.maybe(0.2):
            return f"NULL::{kind}"
        return self.fill(self.one_of(LITERALS[kind]))

    def column(self, scope, kind):
        columns = scope.columns(kind)
        return self.one_of(columns) if columns else self.literal(kind)

    def value(self, scope, kind, depth=0):
        if depth > 2 or self.maybe(0.35):
            return self.column(scope, kind)
        if self.maybe(0.1):
            return self.literal(kind)
        if self.maybe(0.12):
            return self.scalar_query(scope, kind)
        if self.maybe(0.35):
            return self.made_by(OF_ALL_KINDS, scope, kind, depth)
        if kind == "bool" and self.maybe(0.6):
            return self.condition(scope, depth + 1)
        return self.operation(scope, kind, depth)

    def operation(self, scope, kind, depth=0):
        return self.made_by(OPERATIONS[kind], scope, kind, depth)

    def condition(self, scope, depth=0):
        kind = self.one_of(KINDS)
        if depth > 2 or self.maybe(0.6):
            return self.made_by(CONDITIONS, scope, kind, depth)
        if self.maybe(0.4):
            return self.made_by(COMPOSED_CONDITIONS, scope, kind, depth)
        return self.query_condition(scope, kind, depth)

    def made_by(self, templates, scope, kind, depth):
        def value(of_kind):
            return self.value(scope, of_kind, depth + 1)

        return self.fill(self.one_of(templates), value, kind)
