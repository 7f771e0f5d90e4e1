//! Pieces of a parsed statement, made by hand.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, GroupByExpr, Ident, ObjectName, OrderByExpr, Query, Select, SelectFlavor,
    SelectItem, SetExpr, TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins, Value,
    Values, WindowSpec, WindowType,
};

/// Whether an expression is a parameter.
pub(super) fn is_parameter(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

/// A call of a function.
pub(super) fn call(name: &str, arguments: impl IntoIterator<Item = Expr>) -> Expr {
    let unnamed = |argument| FunctionArg::Unnamed(FunctionArgExpr::Expr(argument));
    let args = FunctionArguments::List(FunctionArgumentList {
        duplicate_treatment: None,
        args: arguments.into_iter().map(unnamed).collect(),
        clauses: Vec::new(),
    });
    function(Ident::with_quote('"', name), args)
}

/// A call of a function with arguments of any kind.
pub(super) fn function(name: Ident, args: FunctionArguments) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args,
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}

/// The arguments of a call, where they are nothing but expressions.
pub(super) fn plain_arguments(arguments: &FunctionArguments) -> Option<Vec<Expr>> {
    match arguments {
        FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args,
            clauses,
        }) if clauses.is_empty() => args.iter().map(plain_argument).collect(),
        _ => None,
    }
}

/// The expression that an argument is.
pub(super) fn plain_argument(argument: &FunctionArg) -> Option<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    }
}

/// Whether this is an array of arrays.
pub(super) fn is_nested(array: &Expr) -> bool {
    match array {
        Expr::Array(array) => array.elem.iter().any(|item| matches!(item, Expr::Array(_))),
        _ => false,
    }
}

/// `expr::data_type`.
pub(super) fn cast(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::DoubleColon,
        expr: Box::new(expr),
        data_type,
        array: false,
        format: None,
    }
}

/// A whole number.
pub(super) fn number(digits: &impl ToString) -> Expr {
    Expr::value(Value::Number(digits.to_string(), false))
}

/// A text.
pub(super) fn text(text: impl Into<String>) -> Expr {
    Expr::value(Value::SingleQuotedString(text.into()))
}

/// The text that `expr` is, where it is nothing else.
pub(in crate::sql) fn literal_text(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Nested(inner) => literal_text(inner),
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => Some(text),
            Value::DollarQuotedString(text) => Some(&text.value),
            _ => None,
        },
        _ => None,
    }
}

/// `SELECT items`.
pub(in crate::sql) fn select(items: Vec<(Expr, Ident)>) -> Query {
    select_from(items, Vec::new())
}

/// `SELECT items FROM from`.
pub(super) fn select_from(items: Vec<(Expr, Ident)>, from: Vec<TableWithJoins>) -> Query {
    let projection =
        items.into_iter().map(|(expr, alias)| SelectItem::ExprWithAlias { expr, alias }).collect();
    let select = Select {
        select_token: AttachedToken::empty(),
        optimizer_hints: Vec::new(),
        distinct: None,
        select_modifiers: None,
        top: None,
        top_before_distinct: false,
        projection,
        exclude: None,
        into: None,
        from,
        lateral_views: Vec::new(),
        prewhere: None,
        selection: None,
        connect_by: Vec::new(),
        group_by: GroupByExpr::Expressions(Vec::new(), Vec::new()),
        cluster_by: Vec::new(),
        distribute_by: Vec::new(),
        sort_by: Vec::new(),
        having: None,
        named_window: Vec::new(),
        qualify: None,
        window_before_qualify: false,
        value_table_mode: None,
        flavor: SelectFlavor::Standard,
    };
    Query {
        with: None,
        body: Box::new(SetExpr::Select(Box::new(select))),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

/// `(body) alias (columns)` in FROM.
pub(super) fn derived(body: SetExpr, alias: Ident, columns: &[Ident]) -> TableWithJoins {
    let mut query = select(Vec::new());
    *query.body = body;
    let column = |name: &Ident| TableAliasColumnDef { name: name.clone(), data_type: None };
    let columns = columns.iter().map(column).collect();
    let relation = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(TableAlias { explicit: true, name: alias, columns, at: None }),
        sample: None,
    };
    TableWithJoins { relation, joins: Vec::new() }
}

/// A call of a window function without arguments.
pub(super) fn over(name: &str, partition_by: Vec<Expr>, order_by: Vec<OrderByExpr>) -> Expr {
    let mut called = call(name, []);
    if let Expr::Function(function) = &mut called {
        function.over = Some(WindowType::WindowSpec(WindowSpec {
            window_name: None,
            partition_by,
            order_by,
            window_frame: None,
        }));
    }
    called
}

/// `VALUES` of no rows, in place of what is moved.
pub(super) fn no_values() -> Values {
    Values { explicit_row: false, value_keyword: false, rows: Vec::new() }
}
