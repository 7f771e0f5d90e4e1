//! The types of parameters, as what stands around them decides.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{Between, Case, InList, Placeholder};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan};
use datafusion::sql::sqlparser::ast;

use super::query::QueryContext;
use crate::sql::grammar::name::parameter_index;
use crate::sql::{SqlError, SqlType};

/// What the function that compares a value with the items of an array is called, whatever the
/// comparison is.
const COMPARED_WITH_ITEMS: &str = "array_has";

/// Functions whose arguments and results are all of one type.
const OF_ONE_TYPE: [&str; 7] =
    ["array_has_all", "array_has_any", "coalesce", "greatest", "least", "make_array", "nullif"];

/// Functions of an array and one of its items.
const OF_ARRAY_AND_ITEM: [&str; 3] = ["array_append", "array_position", "array_remove_all"];

/// Types of `$1..` in `plan`, as far as it decides them.
///
/// # Errors
/// 42P08 when two places decide differently.
pub(in crate::sql) fn plan_parameters(
    plan: &LogicalPlan,
    count: usize,
) -> Result<Vec<Option<SqlType>>, SqlError> {
    let mut types = vec![None; count];
    for (name, field) in plan.get_parameter_fields()? {
        if let Some(field) = field {
            decide(&mut types, &name, SqlType::of(&field));
        }
    }
    if types.iter().any(Option::is_none) {
        plan.apply_with_subqueries(|node| decide_by_node(node, &mut types))?;
    }
    Ok(types)
}

/// Notes the types that `expr`, which reads no columns, decides for the parameters in it.
pub(in crate::sql) fn placeholder_types(
    context: &QueryContext,
    expr: &ast::Expr,
    types: &mut [Option<SqlType>],
) -> Result<(), SqlError> {
    let (expr, schema) = (context.constant(expr)?, DFSchema::empty());
    expr.apply(|part| {
        if let Expr::Placeholder(Placeholder { id, field: Some(field) }) = part {
            decide(types, id, SqlType::of(field));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    decide_by_parts(&expr, &schema, types)?;
    Ok(())
}

/// Notes the type of `$n` unless it is known.
pub(in crate::sql) fn decide(types: &mut [Option<SqlType>], name: &str, sql_type: SqlType) {
    if let Some(slot) = parameter_index(name).and_then(|at| types.get_mut(at)) {
        slot.get_or_insert(sql_type);
    }
}

type Types<'a> = &'a mut [Option<SqlType>];

fn decide_by_node(
    node: &LogicalPlan,
    types: Types<'_>,
) -> Result<TreeNodeRecursion, DataFusionError> {
    if let LogicalPlan::Union(union) = node {
        let sides: Vec<_> = union.inputs.iter().map(|input| shown(input)).collect();
        for column in 0..union.schema.fields().len() {
            decide_alike(sides.iter().filter_map(|side| side.get(column)).cloned(), types);
        }
    }
    let schema = merge_schema(&node.inputs());
    node.apply_expressions(|expr| decide_by_parts(expr, &schema, types))
}

fn decide_by_parts(
    expr: &Expr,
    schema: &DFSchema,
    types: Types<'_>,
) -> Result<TreeNodeRecursion, DataFusionError> {
    expr.apply(|part| {
        decide_by_part(part, schema, types);
        Ok(TreeNodeRecursion::Continue)
    })
}

/// What the columns of a side of a union are.
fn shown(side: &LogicalPlan) -> Vec<Operand> {
    let LogicalPlan::Projection(projection) = side else {
        let fields = side.schema().fields().iter();
        return fields.map(|field| Operand::Of(SqlType::of(field))).collect();
    };
    let schema = projection.input.schema();
    projection.expr.iter().map(|expr| Operand::of(expr, schema)).collect()
}

/// A part of an expression beside others.
#[derive(Debug, Clone)]
enum Operand {
    /// A parameter of no known type, by its name.
    Open(String),
    Of(SqlType),
    /// Its type cannot be told.
    Other,
}

impl Operand {
    fn of(expr: &Expr, schema: &DFSchema) -> Self {
        match expr {
            Expr::Alias(alias) => Self::of(&alias.expr, schema),
            Expr::Placeholder(Placeholder { id, field: None }) => Self::Open(id.clone()),
            Expr::Literal(value, _) if value.is_null() => Self::Other,
            other => match other.to_field(schema) {
                Ok((_, field)) => Self::Of(SqlType::of(&field)),
                Err(_) => Self::Other,
            },
        }
    }

    fn sql_type(&self) -> Option<SqlType> {
        match self {
            Self::Of(sql_type) => Some(*sql_type),
            Self::Open(_) | Self::Other => None,
        }
    }

    fn decide(&self, sql_type: SqlType, types: Types<'_>) {
        if let Self::Open(name) = self {
            decide(types, name, sql_type);
        }
    }
}

/// Parameters among operands that are all of one type.
fn decide_alike(operands: impl Iterator<Item = Operand>, types: Types<'_>) {
    let operands: Vec<Operand> = operands.collect();
    // A text may be a literal, which is of the type of the others.
    let known = || operands.iter().filter_map(Operand::sql_type);
    let Some(sql_type) = known().find(|known| *known != SqlType::Text).or(known().next()) else {
        return;
    };
    for operand in operands {
        operand.decide(sql_type, types);
    }
}

fn decide_by_part(part: &Expr, schema: &DFSchema, types: Types<'_>) {
    let operand = |expr: &Expr| Operand::of(expr, schema);
    match part {
        // What stands in a column of VALUES is cast to what the others are.
        Expr::Cast(Cast { expr, field }) => operand(expr).decide(SqlType::of(field), types),
        Expr::Between(Between { expr, low, high, .. }) => {
            decide_alike([expr, low, high].into_iter().map(|part| operand(part)), types);
        }
        Expr::InList(InList { expr, list, .. }) => {
            decide_alike([&**expr].into_iter().chain(list).map(operand), types);
        }
        Expr::Case(case) => decide_by_case(case, schema, types),
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            if OF_ONE_TYPE.contains(&name) {
                decide_alike(call.args.iter().map(operand), types);
            } else if (OF_ARRAY_AND_ITEM.contains(&name) || name.starts_with(COMPARED_WITH_ITEMS))
                && let [array, item, ..] = call.args.as_slice()
            {
                decide_array(&operand(array), &operand(item), types);
            }
        }
        _ => {}
    }
}

/// Arrays of what has no arrays are compared as texts.
fn decide_array(array: &Operand, item: &Operand, types: Types<'_>) {
    // Names are looked for by texts.
    let of_items = item.sql_type().and_then(SqlType::array);
    let of_items = of_items.filter(|array| *array != SqlType::NameArray);
    let of_items = of_items.unwrap_or(SqlType::TextArray);
    array.decide(of_items, types);
    if let Some(item_type) = array.sql_type().and_then(SqlType::item) {
        item.decide(item_type, types);
    }
}

fn decide_by_case(case: &Case, schema: &DFSchema, types: Types<'_>) {
    let operand = |expr: &Expr| Operand::of(expr, schema);
    // Conditions are told by the syntax.
    if let Some(compared) = &case.expr {
        let whens = case.when_then_expr.iter().map(|(when, _)| &**when);
        decide_alike([&**compared].into_iter().chain(whens).map(operand), types);
    }
    let results = case.when_then_expr.iter().map(|(_, then)| &**then);
    let results = results.chain(case.else_expr.iter().map(|otherwise| &**otherwise));
    decide_alike(results.map(operand), types);
}
