"""Generated SELECTs over a few rows, of which many are NULL."""

from values import COLUMNS, KINDS, Scope, Values

TABLES = {"t": COLUMNS, "u": COLUMNS, "v": COLUMNS, "r": {"a": "int", "b": "text"}}
TABLES_OF_ALL = [name for name, columns in TABLES.items() if columns is COLUMNS]
DIRECTIONS = ["", "", "DESC", "NULLS FIRST", "DESC NULLS LAST"]
SET_OPERATIONS = ["", "UNION SELECT * FROM {}", "UNION ALL SELECT * FROM {}",
                  "EXCEPT SELECT * FROM {}", "INTERSECT SELECT * FROM {}"]

# Functions that return sets, and the columns that these have.
SETS = [
    ("SELECT item FROM unnest({int[]}) s(item)", {"item": "int"}),
    ("SELECT item, place::int FROM unnest({text[]}) WITH ORDINALITY s(item, place)",
     {"item": "text", "place": "int"}),
    ("SELECT unnest({int[]}) AS item, {text} AS word", {"item": "int", "word": "text"}),
    ("SELECT * FROM generate_series({-1..2}, {1..4}{|, 2}) s(item)", {"item": "int"}),
    ("SELECT * FROM generate_series(1, {int}) s(item)", {"item": "int"}),
    ("SELECT * FROM generate_series(timestamp '2024-02-28', '2024-03-01', '{8 hours|1 day}') s(at)",
     {"at": "timestamp"}),
    ("SELECT * FROM jsonb_array_elements(jsonb_build_array({int}, {jsonb})) s(item)",
     {"item": "jsonb"}),
    ("SELECT * FROM jsonb_array_elements_text(to_jsonb({int[]|text[]})) s(item)",
     {"item": "text"}),
    ("SELECT * FROM jsonb_each(jsonb_build_object('n', {int}, 's', {text|jsonb})) s(key, item)",
     {"key": "text", "item": "jsonb"}),
    ("SELECT * FROM jsonb_object_keys(jsonb_build_object('n', {int}, 's', 1)) s(key)",
     {"key": "text"}),
    ("SELECT * FROM string_to_table({text}, '{ |,}') s(word)", {"word": "text"}),
    ("SELECT {int}, {date} WHERE {bool}", {"number": "int", "day": "date"}),
    ("VALUES ({int}, {text}, {interval}), ({int}, {text}, {interval})",
     {"number": "int", "word": "text", "span": "interval"}),
]

FRAMES = ["", "", "{ROWS|GROUPS} BETWEEN UNBOUNDED PRECEDING AND {0..1} {PRECEDING|FOLLOWING}",
          "{ROWS|GROUPS} BETWEEN {0..2} PRECEDING AND {CURRENT ROW|1 FOLLOWING}",
          "{ROWS|RANGE} BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
          "{ROWS|GROUPS} {1..2} PRECEDING", "ROWS BETWEEN 1 FOLLOWING AND {1..3} FOLLOWING"]
RANGES = {"int": "{0..3}", "date": "interval '{1 day|1 mon}'", "numeric": "{0..1}.5",
          "timestamp": "interval '{2 hours|1 mon}'", "interval": "interval '{1 day|1 hour}'"}


class Queries(Values):
    def __init__(self, seed):
        super().__init__(seed)
        self.inner = 0

    # Subqueries

    def query_condition(self, scope, kind, depth):
        def column_query():
            return self.query_of(scope, lambda own: self.column(own, kind))

        value, negation = self.value(scope, kind, depth + 1), self.one_of(["", "NOT "])
        return self.one_of([
            lambda: f"({negation}EXISTS {self.query_of(scope, lambda _: '1')})",
            lambda: f"({value} {negation}IN {column_query()})",
            lambda: f"({value} {self.one_of(['=', '<>', '<', '>'])} "
                    f"{self.one_of(['ANY', 'ALL'])} {column_query()})",
            lambda: f"(({value}, {self.value(scope, 'int', depth + 1)}) {negation}IN "
                    + self.query_of(scope, lambda own: f"{self.column(own, kind)}, "
                                    f"{self.column(own, 'int')}") + ")",
        ])()

    def scalar_query(self, scope, kind):
        function, order = self.extreme(kind), f"ORDER BY 1 {self.one_of(DIRECTIONS)}"
        choices = [lambda: self.query_of(scope, lambda own: function(self.column(own, kind)))] * 2
        choices += [lambda: self.query_of(scope, lambda own: self.column(own, kind),
                                          f" {order} LIMIT 1 OFFSET {self.random.randint(0, 2)}")]
        if kind == "int":
            choices += [lambda: self.query_of(scope, lambda _: "count(*)::int")]
        if kind.endswith("[]"):
            item = kind[:-2]
            choices += [lambda: "ARRAY" + self.query_of(
                scope, lambda own: self.column(own, item), f" {order}")]
        return self.one_of(choices)()

    def query_of(self, scope, shown, behind=""):
        self.inner += 1
        table = self.one_of(list(TABLES))
        own = Scope(**{f"s{self.inner}": TABLES[table]})
        kind = self.one_of(["int", "text"] if table == "r" else ["int", "text", "date", "jsonb"])
        other = self.column(own.and_of(scope) if self.maybe(0.7) else own, kind)
        compared = f"{self.column(own, kind)} {self.one_of(['=', '=', '<>', '<'])} {other}"
        return f"(SELECT {shown(own)} FROM {table} s{self.inner} WHERE {compared}{behind})"

    def extreme(self, kind):
        name = self.one_of(["bool_or", "bool_and"] if kind == "bool" else ["min", "max"])
        direction = self.one_of(DIRECTIONS)
        if kind == "jsonb":
            return lambda value: f"(array_agg({value} ORDER BY {value} {direction}))[1]"
        return lambda value: f"{name}({value})"

    # What stands in FROM

    def table(self, alias):
        name, own = self.one_of(TABLES_OF_ALL), Scope(i=COLUMNS)
        key, fixed = self.one_of("abdgmn"), self.one_of("abckn")
        grouped = ", ".join(
            column if column == key else f"{self.extreme(kind)(column)} AS {column}"
            for column, kind in COLUMNS.items())
        added = self.one_of(SET_OPERATIONS).format(self.one_of(TABLES_OF_ALL))
        written = self.one_of([
            lambda: name,
            lambda: name,
            lambda: f"(SELECT * FROM {name} WHERE {fixed} = {self.literal(COLUMNS[fixed])})",
            lambda: f"(SELECT * FROM {name} i WHERE {self.condition(own, 2)} {added})",
            lambda: f"(SELECT {grouped} FROM {name} GROUP BY {key})",
        ])()
        return f"{written} {alias}", COLUMNS

    def small_table(self, alias, scope):
        """A function that returns a set, values, or a query of what stands before it."""
        if self.maybe(0.2):
            return f"r {alias}", TABLES["r"]
        query, columns = self.one_of(SETS)
        written = self.fill(query, lambda kind: self.value(scope, kind, 2))
        lateral = "LATERAL " if scope.names() else ""
        return f"{lateral}({written}) {alias}({', '.join(columns)})", columns

    def tables(self):
        written, columns = self.table("x") if self.maybe(0.9) else self.small_table("x", Scope())
        scope = Scope(x=columns)
        for alias in ["y", "z"][:self.one_of([0, 1, 1, 1, 2])]:
            before, join = scope, self.one_of(["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN",
                                               "FULL JOIN", "CROSS JOIN"])
            if join in ["RIGHT JOIN", "FULL JOIN"] or self.maybe(0.7):
                table, columns = self.table(alias)
            else:
                table, columns = self.small_table(alias, scope)
            own = Scope(**{alias: columns})
            scope = before.and_of(own)
            written += f" {join} {table}"
            if join != "CROSS JOIN":
                written += f" ON {self.joined(join, before, own)}"
        return written, scope

    def joined(self, join, before, own):
        kinds = [kind for kind in KINDS if before.columns(kind) and own.columns(kind)]
        if not kinds:
            return "true"
        kind = self.one_of(kinds)
        condition = f"{self.column(before, kind)} = {self.column(own, kind)}"
        if join != "FULL JOIN" and self.maybe(0.4):
            condition += f" AND {self.condition(before.and_of(own), 2)}"
        return condition

    # Whole statements

    def window(self, scope):
        kind = self.one_of(["int", "text", "date", "numeric", "timestamp", "interval", "jsonb"])
        part = self.column(scope, self.one_of(["int", "text", "bool", "int[]", "jsonb"]))
        part = f"PARTITION BY {part} " if self.maybe(0.5) else ""
        by_one = f"ORDER BY {self.column(scope, kind)} {self.one_of(DIRECTIONS)}"
        by_all = "ORDER BY " + ", ".join(f"{column} {self.one_of(DIRECTIONS)}"
                                         for column in scope.columns(*KINDS))
        column, frame = self.column(scope, kind), self.fill(self.one_of(FRAMES))
        return self.one_of([
            lambda: f"{self.one_of(['rank', 'dense_rank', 'cume_dist', 'percent_rank'])}() "
                    f"OVER ({part}{by_one})",
            lambda: f"count({column}) OVER ({part}{by_one})",
            lambda: f"sum({self.column(scope, self.one_of(['int', 'interval']))}) "
                    f"OVER ({part}{by_one})",
            lambda: f"{self.extreme(kind)(column)} OVER ({part})" if kind != "jsonb" else "1",
            lambda: f"{self.one_of(['lag', 'lead', 'first_value', 'last_value'])}({column}) "
                    f"OVER ({part}{by_all})",
            lambda: f"lag({column}, {self.random.randint(0, 2)}, {self.literal(kind)}) "
                    f"OVER ({part}{by_all})",
            lambda: f"{self.one_of(['first_value', 'last_value', 'count'])}({column}) "
                    f"OVER ({part}{by_all} {frame})",
            lambda: f"{self.one_of(['sum', 'max'])}({self.column(scope, 'int')}) "
                    f"OVER ({part}{by_all} {frame})",
            lambda: self.range_window(scope, part),
        ])()

    def range_window(self, scope, part):
        kind = self.one_of(list(RANGES))
        frame = f"BETWEEN {RANGES[kind]} PRECEDING AND {RANGES[kind]} FOLLOWING"
        return (f"count(*) OVER ({part}ORDER BY {self.column(scope, kind)} "
                f"{self.one_of(DIRECTIONS)} RANGE {self.fill(frame)})")

    def aggregate(self, scope):
        kind, item = self.one_of(KINDS), self.one_of(["int", "text", "bool", "date", "timestamp"])
        column, number = self.column(scope, item), self.column(scope, "int")
        text = self.column(scope, "text")
        by = f"ORDER BY {column} {self.one_of(DIRECTIONS)}"
        summed = self.one_of(["int", "numeric", "interval"])
        return self.one_of([
            lambda: "count(*)",
            lambda: f"count(DISTINCT {self.value(scope, kind, 2)})",
            lambda: f"sum({self.value(scope, summed, 1)})",
            lambda: f"sum({self.column(scope, 'float8')})",
            lambda: f"{self.extreme(kind)(self.value(scope, kind, 1))}",
            lambda: f"count({self.value(scope, kind, 1)}) "
                    f"FILTER (WHERE {self.condition(scope, 2)})",
            lambda: f"string_agg({text}, ',' ORDER BY {text})",
            lambda: f"string_agg(DISTINCT {text}, ',')",
            lambda: f"{self.one_of(['array_agg', 'jsonb_agg'])}({column} {by})",
            lambda: f"array_agg(DISTINCT {column} {by})",
            lambda: f"array_agg({column} {by}) FILTER (WHERE {self.condition(scope, 2)})",
            lambda: f"avg({number})::numeric(10,3)",
            lambda: f"{self.one_of(['bit_and', 'bit_or'])}({number})",
            lambda: f"every({self.condition(scope, 2)})",
        ])()

    def groups(self, keys):
        if not keys:
            return ""
        written = ", ".join(keys)
        if self.maybe(0.1):
            written = ", ".join(str(place) for place in range(1, len(keys) + 1))
        elif len(keys) > 1 and self.maybe(0.4):
            sets = ", ".join(f"({key})" for key in keys)
            written = self.one_of([f"ROLLUP({written})", f"CUBE({written})",
                                   f"GROUPING SETS ({sets}, ())",
                                   f"GROUPING SETS (({written}), {sets})"])
        return f" GROUP BY {written}"

    def keys(self, scope):
        kinds = self.some(["int", "text", "bool", "date", "timestamp", "jsonb", "int[]"], 2)
        keys = [self.operation(scope, kind, 2) if self.maybe(0.25) else self.column(scope, kind)
                for kind in kinds]
        keys = [key for key in keys if "." in key] if self.maybe(0.8) else []
        return list(dict.fromkeys(keys))

    def grouped(self, tables, scope):
        keys = self.keys(scope)
        items = keys + [self.aggregate(scope) for _ in range(self.random.randint(1, 3))]
        having = self.fill(" HAVING count(*) {>|<=} {1..2}") if self.maybe(0.2) else ""
        if keys and self.maybe(0.1):
            having = f" HAVING {self.one_of(keys)} IS NOT NULL OR {self.aggregate(scope)} IS NULL"
        return items, f"SELECT {', '.join(items)} FROM {tables}", self.groups(keys) + having

    def plain(self, tables, scope):
        items = [self.value(scope, kind) for kind in self.some(KINDS, 3)]
        if self.maybe(0.1):
            fields = [self.value(scope, kind, 2) for kind in self.some(KINDS, 3)]
            items += [f"ROW({', '.join(fields)})"]
        items += [self.one_of(scope.names())] if self.maybe(0.05) else []
        items += [self.window(scope)] if self.maybe(0.3) else []
        distinct = "DISTINCT " if self.maybe(0.15) else ""
        return items, f"SELECT {distinct}{', '.join(items)} FROM {tables}", ""

    def statement(self):
        tables, scope = self.tables()
        make = self.grouped if self.maybe(0.3) else self.plain
        items, selected, grouping = make(tables, scope)
        where = f" WHERE {self.condition(scope)}" if self.maybe(0.5) else ""
        places = [f"{place} {self.one_of(DIRECTIONS)}" for place in range(1, len(items) + 1)]
        limit = self.fill(" LIMIT {0..4}{| OFFSET 1| OFFSET 2}") if self.maybe(0.2) else ""
        return (f"WITH RECURSIVE {self.common()} {selected}{where}{grouping} "
                f"ORDER BY {', '.join(places)}{limit}")

    def common(self):
        names = ", ".join(COLUMNS)
        tables = [f"{table}({names}) AS (VALUES {self.rows()})" for table in TABLES_OF_ALL]
        more = self.one_of(["SELECT a + 1, b || 'x' FROM r WHERE a < {1..3}",
                            "SELECT r.a + 1, t.b FROM r JOIN t ON t.a = r.a WHERE r.a < 4",
                            "SELECT t.a, r.b || t.b FROM r, t WHERE t.a > r.a"])
        first = f"SELECT {self.literal('int')}, {self.literal('text')}"
        union = self.one_of(["UNION", "UNION ALL"])
        return ", ".join([*tables, f"r(a, b) AS ({first} {union} {self.fill(more)})"])

    def rows(self):
        def row():
            return f"({', '.join(self.literal(kind) for kind in KINDS)})"

        return ", ".join(row() for _ in range(self.random.randint(1, 5)))
