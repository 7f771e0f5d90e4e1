//! Planning and running one statement's queries against one snapshot.

use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::TableProvider;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryConsumer, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateDefaults};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, ScalarUDF};
use datafusion::optimizer::{Analyzer, AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionConfig;
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement as PlannedStatement;
use datafusion::sql::sqlparser::ast::{self, ExprWithAlias, Query, Value, Visit, Visitor};
use futures::{FutureExt, StreamExt};

use super::adapt::shown_schema;
use super::any::ComparedWithAny;
use super::apply::ApplySubqueries;
use super::call::CallRelationPlanner;
use super::choice::{self, ChosenValues};
use super::determined::Determined;
use super::frames::CountedFrames;
use super::grouped::SetsOfColumns;
use super::in_place::{in_place, in_place_stream};
use super::kept::KeptRows;
use super::lacking::LackingRows;
use super::literal::TextLiterals;
use super::neighbour::NeighbouringTexts;
use super::parameters::{KnownTypes, Parameters, prepared};
use super::planning::{OperatorPlanner, TABLE_FUNCTIONS};
use super::portion::InPortions;
use super::provenance::origins;
use super::sequence::BranchesInOrder;
use super::told_apart::ToldApart;
use super::values::united;
use super::wanted::StillWanted;
use super::yielding::YieldBetweenBatches;
use super::{limit, sequence};
use crate::engine::Exactness;
use crate::sql::answer::origin::with_origins;
use crate::sql::answer::undefined::explained;
use crate::sql::function::aggregate::{self, DistinctInTwoPhases};
use crate::sql::function::allowance::MeasuredCalls;
use crate::sql::function::arithmetic::CheckedArithmetic;
use crate::sql::function::array_order::ComparedArrays;
use crate::sql::function::conversion::ConvertedValues;
use crate::sql::function::marked::MarkedArrays;
use crate::sql::function::operator::{CheckedOperands, KnownOperators, assigned, operand};
use crate::sql::function::record::ComparedRecords;
use crate::sql::function::scalar::{ComparedDocuments, JsonOperators, VectorOperators};
use crate::sql::function::subscript::Subscripts;
use crate::sql::function::temporal::{self, ComparedIntervals, DateOperators};
use crate::sql::function::thumbnail;
use crate::sql::function::zero::ComparedZeros;
use crate::sql::grammar::expansion;
use crate::sql::grammar::name::{folded, parameter_index};
use crate::sql::pg_catalog::{self, NamesOfFunctions};
use crate::sql::read::audit::Exporting;
use crate::sql::read::catalog::{GalleryCatalog, ON_PATH, SCHEMA};
use crate::sql::read::nearest::NearestFirst;
use crate::sql::read::search::SearchRelationPlanner;
use crate::sql::value::constant::{evaluate, without_text_casts};
use crate::sql::value::numeric::NumericOperands;
use crate::sql::value::output::{ISO_8601, IntervalStyle, PrintedValues};
use crate::sql::value::types::SqlType;
use crate::sql::{Origin, SqlError, SqlState};

/// Memory that the operators of all running statements may take together; little in tests, which
/// use it up.
const MEMORY_BYTES_MAX: usize = if cfg!(test) { 64 << 20 } else { 1 << 30 };

/// A rule that looks columns up by their names: a condition on `x.e` and `y.e` above a join becomes
/// one on the same column twice. Conditions stand where they should before that anyway.
const FILTER_PUSHDOWN: &str = "FilterPushdown";

/// What all sessions share: functions, rules, the memory pool. Made once, then cloned.
static SHARED: LazyLock<Result<SessionState, SqlError>> = LazyLock::new(|| {
    let functions = SessionStateDefaults::default_table_functions();
    // One partition: results keep the order of the operators that made them, and one statement
    // keeps one core busy.
    let config = SessionConfig::new()
        .set_str("datafusion.execution.time_zone", "UTC")
        .set_bool("datafusion.sql_parser.parse_float_as_decimal", true)
        // Fields of records are read where they are asked for: moved below joins and unions, they
        // meet columns of the same names. Only files would be read less for it.
        .set_bool("datafusion.optimizer.enable_leaf_expression_pushdown", false)
        // Whether a column may be NULL is worked out twice, on logical and on physical expressions,
        // and the two differ harmlessly, for one on `x IS TRUE`; the check would be an error.
        .set_bool("datafusion.execution.skip_physical_aggregate_schema_check", true)
        .with_target_partitions(1)
        .with_information_schema(false)
        .with_create_default_catalog_and_schema(false);
    // No table factories and no file formats: nothing in SQL leads to a file.
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime()?)
        .with_query_planner(Arc::new(OperatorPlanner))
        .with_analyzer_rules(analyzer_rules())
        .with_optimizer_rules(optimizer_rules())
        .with_physical_optimizer_rules(physical_rules())
        .with_expr_planners(expr_planners())
        .with_scalar_functions(scalar_functions())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_table_function_list(functions)
        .with_type_planner(Arc::new(KnownTypes))
        .build())
});

/// The memory of queries, and no files to put rows into that do not fit.
fn runtime() -> Result<Arc<RuntimeEnv>, SqlError> {
    let without_files = DiskManagerBuilder::default().with_mode(DiskManagerMode::Disabled);
    Ok(RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(GreedyMemoryPool::new(MEMORY_BYTES_MAX)))
        .with_disk_manager_builder(without_files)
        .build_arc()?)
}

/// The planner's rules between those that have to see a plan before and behind them.
fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let before: [Arc<dyn AnalyzerRule + Send + Sync>; 7] = [
        Arc::new(SetsOfColumns),
        Arc::new(ComparedRecords),
        Arc::new(NeighbouringTexts),
        Arc::new(CheckedOperands),
        Arc::new(ChosenValues),
        Arc::new(NumericOperands),
        Arc::new(CountedFrames),
    ];
    let behind: [Arc<dyn AnalyzerRule + Send + Sync>; 9] = [
        Arc::new(CheckedArithmetic),
        Arc::new(ConvertedValues),
        Arc::new(PrintedValues),
        Arc::new(ComparedIntervals),
        Arc::new(ComparedArrays),
        Arc::new(ComparedZeros),
        // What is compared has to be known before subqueries become anything else.
        Arc::new(ComparedDocuments),
        Arc::new(ApplySubqueries),
        Arc::new(NamesOfFunctions),
    ];
    StillWanted::before_each_analyzer(before.into_iter().chain(Analyzer::new().rules).chain(behind))
}

fn optimizer_rules() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let in_two_phases: Arc<dyn OptimizerRule + Send + Sync> =
        Arc::new(DistinctInTwoPhases::default());
    let rules = Optimizer::new().rules.into_iter();
    let own = |rule: Arc<dyn OptimizerRule + Send + Sync>| {
        if rule.name() == in_two_phases.name() { Arc::clone(&in_two_phases) } else { rule }
    };
    StillWanted::before_each_optimizer(Determined::before_asking(rules.map(own)))
}

fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let before: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 2] =
        [Arc::new(BranchesInOrder), Arc::new(LackingRows)];
    let behind: [Arc<dyn PhysicalOptimizerRule + Send + Sync>; 4] = [
        Arc::new(NearestFirst),
        Arc::new(YieldBetweenBatches),
        Arc::new(InPortions),
        Arc::new(KeptRows),
    ];
    let rules = PhysicalOptimizer::new().rules.into_iter();
    let rules = rules.filter(|rule| !rule.name().starts_with(FILTER_PUSHDOWN));
    before.into_iter().chain(rules).chain(behind).collect()
}

fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    aggregate::functions(SessionStateDefaults::default_aggregate_functions())
}

fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let own: [Arc<dyn ExprPlanner>; 13] = [
        Arc::new(StillWanted),
        Arc::new(ComparedWithAny),
        Arc::new(NeighbouringTexts),
        Arc::new(ComparedRecords),
        Arc::new(KnownOperators),
        Arc::new(MarkedArrays),
        Arc::new(VectorOperators),
        Arc::new(JsonOperators),
        Arc::new(Subscripts),
        Arc::new(TextLiterals),
        Arc::new(NumericOperands),
        Arc::new(DateOperators),
        Arc::new(ToldApart),
    ];
    own.into_iter().chain(SessionStateDefaults::default_expr_planners()).collect()
}

/// DataFusion's functions without those whose result is as large as an argument says: what a call
/// made is measured when it is there, and `repeat('x', 2000000000)` is short to write.
fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    const UNBOUNDED: [&str; 7] =
        ["array_repeat", "array_resize", "generate_series", "lpad", "range", "repeat", "rpad"];
    let mut functions = SessionStateDefaults::default_scalar_functions();
    let own: Vec<ScalarUDF> = temporal::functions().chain([choice::function()]).collect();
    let is_own = |name: &str| own.iter().any(|function| function.name() == name);
    functions.retain(|function| !UNBOUNDED.contains(&function.name()) && !is_own(function.name()));
    // Arrays begin at 1, so that the place of the last item is their length.
    let length = functions.iter().find(|function| function.name() == "array_length");
    let upper = length.map(|length| length.as_ref().clone().with_aliases(["array_upper"]));
    functions.extend(upper.map(Arc::new));
    functions.extend(own.into_iter().map(Arc::new));
    functions
}

/// The part of a session that DataFusion keeps: `database` is the name of the tenant.
pub(in crate::sql) fn session_state(database: &str) -> Result<SessionState, SqlError> {
    let mut state = SHARED.clone()?;
    if cfg!(test) {
        // Tests run beside each other in one process, and some use the memory up.
        state = SessionStateBuilder::new_from_existing(state).with_runtime_env(runtime()?).build();
    }
    let pool = Arc::clone(&state.runtime_env().memory_pool);
    state.add_analyzer_rule(Arc::new(MeasuredCalls::new(pool)));
    let config = state.config_mut();
    *config = config.clone().with_default_catalog_and_schema(database, SCHEMA);
    Ok(state)
}

/// One statement's view: a session's functions, and its tenant's galleries as of one snapshot.
#[derive(Debug)]
pub(in crate::sql) struct QueryContext {
    state: SessionState,
    catalog: GalleryCatalog,
    parameters: Parameters,
    /// The OID of the collection whose faces are in the statement's own tables.
    own_relation: Option<u32>,
}

impl QueryContext {
    /// `exactness` is for every search of the statement.
    pub(in crate::sql) fn new(
        session: &SessionState,
        catalog: GalleryCatalog,
        exactness: Exactness,
    ) -> Result<Self, SqlError> {
        let mut state = session.clone();
        state.config_mut().set_extension(Arc::new(exactness));
        if !catalog.path().is_usual() {
            ON_PATH.clone_into(&mut state.config_mut().options_mut().catalog.default_schema);
        }
        state.register_catalog_list(Arc::new(catalog.clone()));
        state.register_relation_planner(Arc::new(SearchRelationPlanner(catalog.clone())))?;
        let calls = CallRelationPlanner { catalog: catalog.clone(), functions: &TABLE_FUNCTIONS };
        state.register_relation_planner(Arc::new(calls))?;
        pg_catalog::register_with(&mut state, &catalog.view())?;
        thumbnail::register_with(&mut state, catalog.snapshot())?;
        state.mark_start_execution();
        // What now() answers: the same throughout a transaction.
        state.execution_props_mut().query_execution_start_time =
            Some(catalog.transaction_began().into());
        Ok(Self { state, catalog, parameters: Parameters::Open, own_relation: None })
    }

    /// The same, where so much is known of the statement's parameters.
    pub(in crate::sql) fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.parameters = parameters;
        self
    }

    /// The same, with spans of time as text in this style.
    pub(in crate::sql) fn writing_intervals(mut self, style: IntervalStyle) -> Self {
        if style == IntervalStyle::Iso8601 {
            let options = self.state.config_mut().options_mut();
            ISO_8601.clone_into(&mut options.format.duration_format);
        }
        self
    }

    /// The same, for rows that leave as a file: what is read is recorded as an export.
    pub(in crate::sql) fn exporting(mut self) -> Self {
        self.state.config_mut().set_extension(Arc::new(Exporting));
        self
    }

    /// The same with tables of the statement's own, of faces of the collection with this OID.
    pub(in crate::sql) fn with_tables(
        &self,
        tables: impl IntoIterator<Item = (&'static str, Arc<dyn TableProvider>)>,
        own_relation: Option<u32>,
    ) -> Self {
        let (mut state, catalog) = (self.state.clone(), self.catalog.with_tables(tables));
        state.register_catalog_list(Arc::new(catalog.clone()));
        Self { state, catalog, parameters: self.parameters.clone(), own_relation }
    }

    pub(in crate::sql) fn catalog(&self) -> &GalleryCatalog {
        &self.catalog
    }

    /// `query` as the planner takes it.
    fn planned(&self, query: &Query) -> PlannedStatement {
        PlannedStatement::Statement(Box::new(self.parameters.statement(query)))
    }

    /// The logical plan of `query`, which only reads.
    pub(in crate::sql) async fn plan(&self, query: &Query) -> Result<LogicalPlan, SqlError> {
        expansion::check(query)?;
        let query = &*united(query, &|cell| self.type_of(cell))?;
        let plan = match in_place(self.state.statement_to_plan(self.planned(query))).await {
            Ok(plan) => prepared(plan),
            Err(error) => {
                // Tables are known already: nothing is waited for.
                let again = |state: &SessionState| {
                    state.statement_to_plan(self.planned(query)).now_or_never()
                };
                return Err(in_place(async { explained(&self.state, error, again) }).await);
            }
        };
        let reading_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        if reading_only.verify_plan(&plan).is_err() {
            return Err(SqlError::unsupported("a query that changes something"));
        }
        Ok(plan)
    }

    /// Where the columns of `plan` come from.
    pub(in crate::sql) fn origins(&self, plan: &LogicalPlan) -> Vec<Option<Origin>> {
        origins(plan, &self.catalog, self.own_relation)
    }

    /// The columns of `plan` when its parameters have these types, and where they come from.
    pub(in crate::sql) fn columns(
        &self,
        plan: LogicalPlan,
        parameters: &[SqlType],
    ) -> Result<SchemaRef, SqlError> {
        let origins = self.origins(&plan);
        let nulls: Result<Vec<_>, _> = parameters.iter().map(|sql_type| sql_type.null()).collect();
        let plan = plan.replace_params_with_values(&self.parameters.values(nulls?))?;
        let mut plan = NumericOperands.analyze(plan, self.state.config_options())?;
        if is_to_be_united(&plan)? {
            let (analyzer, options) = (self.state.analyzer(), self.state.config_options());
            plan = analyzer.execute_and_check(plan, options, |_, _| {})?;
        }
        Ok(with_origins(&shown_schema(plan.schema().inner()), origins))
    }

    /// Starts `plan` with its parameters.
    pub(in crate::sql) async fn stream(
        &self,
        plan: LogicalPlan,
        parameters: Vec<ScalarValue>,
    ) -> Result<SendableRecordBatchStream, SqlError> {
        let plan = self.physical(plan, parameters).await?;
        Ok(shown(self.run(&plan)?))
    }

    pub(super) fn run(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
    ) -> Result<SendableRecordBatchStream, SqlError> {
        Ok(in_place_stream(sequence::execute(plan, &self.state)?))
    }

    pub(super) async fn physical(
        &self,
        plan: LogicalPlan,
        parameters: Vec<ScalarValue>,
    ) -> Result<Arc<dyn ExecutionPlan>, SqlError> {
        let plan = plan.replace_params_with_values(&self.parameters.values(parameters))?;
        let plan = in_place(limit::computed(plan, &self.state)).await?;
        Ok(in_place(self.state.create_physical_plan(&plan)).await?)
    }

    /// Memory for what a statement keeps, which counts towards that of all queries.
    pub(in crate::sql) fn memory(&self, keeper: &str) -> MemoryReservation {
        MemoryConsumer::new(keeper).register(&self.state.runtime_env().memory_pool)
    }

    /// The value of one cell of INSERT; `what` names its column, which is of type `wanted`.
    pub(in crate::sql) fn cell(
        &self,
        what: &str,
        wanted: SqlType,
        cell: &ast::Expr,
        parameters: &[ScalarValue],
    ) -> Result<ScalarValue, SqlError> {
        match without_text_casts(cell) {
            ast::Expr::Identifier(word) if folded(word) == "default" => Ok(ScalarValue::Null),
            ast::Expr::Value(value) => match &value.value {
                Value::Null => Ok(ScalarValue::Null),
                Value::SingleQuotedString(text) => Ok(ScalarValue::from(text.as_str())),
                Value::Placeholder(name) => parameter(name, parameters),
                _ => self.expression(what, wanted, cell, parameters),
            },
            _ => self.expression(what, wanted, cell, parameters),
        }
    }

    fn expression(
        &self,
        what: &str,
        wanted: SqlType,
        expr: &ast::Expr,
        parameters: &[ScalarValue],
    ) -> Result<ScalarValue, SqlError> {
        let bound = self.constant(expr)?.transform_up(|part| match part {
            Expr::Placeholder(Placeholder { id, .. }) => {
                let value = parameter(&id, parameters)?;
                Ok(Transformed::yes(Expr::Literal(value, None)))
            }
            other => Ok(Transformed::no(other)),
        })?;
        let given = operand(&bound.data, &DFSchema::empty());
        evaluate(what, &assigned(what, wanted, bound.data, given)?, &self.state)
    }

    /// The type of a cell of VALUES that reads no columns.
    fn type_of(&self, cell: &ast::Expr) -> Option<SqlType> {
        let cell = ExprWithAlias { expr: self.parameters.expression(cell.clone()), alias: None };
        let schema = DFSchema::empty();
        let planned = self.state.create_logical_expr_from_sql_expr(cell, &schema).ok()?;
        Some(operand(&planned, &schema))
    }

    /// `expr` over no columns.
    pub(super) fn constant(&self, expr: &ast::Expr) -> Result<Expr, SqlError> {
        if expr.visit(&mut FindQuery).is_break() {
            return Err(SqlError::unsupported("a subquery as a value of INSERT"));
        }
        let expr = ExprWithAlias { expr: self.parameters.expression(expr.clone()), alias: None };
        let planned = |state: &SessionState| {
            state.create_logical_expr_from_sql_expr(expr.clone(), &DFSchema::empty())
        };
        let expr = match planned(&self.state) {
            Ok(expr) => expr,
            Err(error) => {
                return Err(explained(&self.state, error, |state| Some(planned(state))));
            }
        };
        let (expr, _) = expr.infer_placeholder_types(&DFSchema::empty())?;
        Ok(expr)
    }
}

/// `rows` under the names that the statement gave its columns.
fn shown(rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let (planned, schema) = (rows.schema(), shown_schema(&rows.schema()));
    if Arc::ptr_eq(&planned, &schema) {
        return rows;
    }
    let named = Arc::clone(&schema);
    let rows = rows.map(move |batch| {
        let batch = batch?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let (schema, columns) = (Arc::clone(&named), batch.columns().to_vec());
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, rows))
}

/// Whether `plan` has expressions whose type is only known when it is analyzed: sides of a union,
/// and branches of CASE.
fn is_to_be_united(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Union(_));
        node.apply_expressions(|expr| {
            found |= expr.exists(|part| Ok(matches!(part, Expr::Case(_))))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Stops at the first subquery.
struct FindQuery;

impl Visitor for FindQuery {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}

fn parameter(name: &str, parameters: &[ScalarValue]) -> Result<ScalarValue, SqlError> {
    parameter_index(name).and_then(|at| parameters.get(at)).cloned().ok_or_else(|| {
        SqlError::new(SqlState::UndefinedParameter, format!("there is no parameter {name}"))
    })
}
