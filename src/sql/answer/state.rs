//! The SQLSTATE codes this server answers with.

use std::fmt;

/// The codes of a list, each with what it means.
macro_rules! states {
    ($($(#[$meaning:meta])* $name:ident = $code:literal,)*) => {
        /// Why a statement failed, as one of PostgreSQL's five-character codes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SqlState {
            $($(#[$meaning])* $name,)*
        }

        impl SqlState {
            /// The five characters that go over the wire.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }
        }
    };
}

states! {
    /// Nothing failed.
    SuccessfulCompletion = "00000",
    /// Nothing failed, and something was unexpected.
    Warning = "01000",
    /// The client's messages do not fit together.
    ProtocolViolation = "08P01",
    /// The statement or clause is not supported here.
    FeatureNotSupported = "0A000",
    /// One row was meant and there are several.
    CardinalityViolation = "21000",
    /// A value is wrong in a way no other code describes.
    DataException = "22000",
    /// A number does not fit its type.
    NumericValueOutOfRange = "22003",
    /// NULL where a value is needed.
    NullValueNotAllowed = "22004",
    /// A regular expression that is none.
    InvalidRegularExpression = "2201B",
    /// A logarithm of zero or less.
    InvalidArgumentForLogarithm = "2201E",
    /// A power or a root that is no number.
    InvalidArgumentForPower = "2201F",
    /// A histogram without buckets.
    InvalidArgumentForWidthBucket = "2201G",
    /// Text that is no date or time.
    InvalidDatetimeFormat = "22007",
    /// A date or time that no calendar has.
    DatetimeFieldOverflow = "22008",
    /// A part of a text of negative length.
    SubstringError = "22011",
    /// Division by zero.
    DivisionByZero = "22012",
    /// Bytes that are no letters of their encoding.
    CharacterNotInRepertoire = "22021",
    /// A frame of a window that begins or ends before a negative row.
    InvalidPrecedingOrFollowingSize = "22013",
    /// Buckets of which there are none.
    InvalidArgumentForNtile = "22014",
    /// A row of a frame that is counted from zero.
    InvalidArgumentForNthValue = "22016",
    /// An escape of LIKE that is not one character.
    InvalidEscapeSequence = "22025",
    /// A value breaks a stated bound.
    InvalidParameterValue = "22023",
    /// A negative LIMIT.
    InvalidRowCountInLimitClause = "2201W",
    /// A negative OFFSET.
    InvalidRowCountInOffsetClause = "2201X",
    /// Items of an array that are not there.
    ArraySubscriptError = "2202E",
    /// Text that is no value of the type wanted.
    InvalidTextRepresentation = "22P02",
    /// A letter that texts cannot hold.
    UntranslatableCharacter = "22P05",
    /// A share of rows that is none.
    InvalidTablesampleArgument = "2202H",
    /// NULL in a column that must have a value.
    NotNullViolation = "23502",
    /// The collection has a face of this id already.
    UniqueViolation = "23505",
    /// There is no such prepared statement.
    InvalidSqlStatementName = "26000",
    /// Only possible outside a transaction block, or before its first query.
    ActiveSqlTransaction = "25001",
    /// Only possible inside a transaction block.
    NoActiveSqlTransaction = "25P01",
    /// The store, or this transaction, accepts no writes.
    ReadOnlySqlTransaction = "25006",
    /// The transaction block has failed and waits for ROLLBACK.
    InFailedSqlTransaction = "25P02",
    /// There is no such savepoint.
    InvalidSavepointSpecification = "3B001",
    /// There is no such schema.
    InvalidSchemaName = "3F000",
    /// There is no such cursor.
    InvalidCursorName = "34000",
    /// Others changed meanwhile what the transaction changes.
    SerializationFailure = "40001",
    /// The statement cannot be planned, for a reason no other code describes.
    SyntaxErrorOrAccessRuleViolation = "42000",
    /// The key's role does not allow this.
    InsufficientPrivilege = "42501",
    /// The text is not SQL as this server reads it.
    SyntaxError = "42601",
    /// The column is made by the server.
    GeneratedAlways = "428C9",
    /// The name is not acceptable.
    InvalidName = "42602",
    /// A column is named twice.
    DuplicateColumn = "42701",
    /// A column name could mean several columns.
    AmbiguousColumn = "42702",
    /// There is no such column.
    UndefinedColumn = "42703",
    /// There is no such object (a setting, for instance).
    UndefinedObject = "42704",
    /// There is such an object already (a key, for instance).
    DuplicateObject = "42710",
    /// A table alias is used twice.
    DuplicateAlias = "42712",
    /// Aggregates and plain columns are mixed.
    GroupingError = "42803",
    /// A window stands where it cannot.
    WindowingError = "42P20",
    /// A value has the wrong type.
    DatatypeMismatch = "42804",
    /// A function or operator of another kind.
    WrongObjectType = "42809",
    /// No value of the one type is one of the other.
    CannotCoerce = "42846",
    /// There is no such function or operator.
    UndefinedFunction = "42883",
    /// The name is reserved.
    ReservedName = "42939",
    /// There is no such collection.
    UndefinedTable = "42P01",
    /// The cursor exists already.
    DuplicateCursor = "42P03",
    /// The prepared statement exists already.
    DuplicatePreparedStatement = "42P05",
    /// An option names a column that the statement does not use.
    InvalidColumnReference = "42P10",
    /// There is no such parameter.
    UndefinedParameter = "42P02",
    /// The collection exists already.
    DuplicateTable = "42P07",
    /// A cursor that cannot be of the kind that is asked for.
    InvalidCursorDefinition = "42P11",
    /// Nothing tells the type of a parameter.
    IndeterminateDatatype = "42P18",
    /// A parameter is used with two types.
    AmbiguousParameter = "42P08",
    /// The memory meant for queries is used up.
    OutOfMemory = "53200",
    /// A limit of this server is exceeded.
    ProgramLimitExceeded = "54000",
    /// The statement is nested too deeply.
    StatementTooComplex = "54001",
    /// The object is not in a state that allows this.
    ObjectNotInPrerequisiteState = "55000",
    /// The setting cannot be changed.
    CantChangeRuntimeParam = "55P02",
    /// The statement was canceled.
    QueryCanceled = "57014",
    /// Something outside the server is missing.
    SystemError = "58000",
    /// A disk did not do what it was told.
    IoError = "58030",
    /// A malfunction of the server.
    InternalError = "XX000",
    /// What is stored is damaged.
    DataCorrupted = "XX001",
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
