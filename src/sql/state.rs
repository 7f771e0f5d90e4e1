//! The SQLSTATE codes this server answers with.

use std::fmt;

/// Why a statement failed, as one of PostgreSQL's five-character codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlState {
    /// 00000: nothing failed.
    SuccessfulCompletion,
    /// 08P01: the client's messages do not fit together.
    ProtocolViolation,
    /// 0A000: the statement or clause is not supported here.
    FeatureNotSupported,
    /// 21000: one row was meant and there are several.
    CardinalityViolation,
    /// 22000: a value is wrong in a way no other code describes.
    DataException,
    /// 22003: a number does not fit its type.
    NumericValueOutOfRange,
    /// 22004: NULL where a value is needed.
    NullValueNotAllowed,
    /// 2201B: a regular expression that is none.
    InvalidRegularExpression,
    /// 2201E: a logarithm of zero or less.
    InvalidArgumentForLogarithm,
    /// 2201F: a power or a root that is no number.
    InvalidArgumentForPower,
    /// 2201G: a histogram without buckets.
    InvalidArgumentForWidthBucket,
    /// 22007: text that is no date or time.
    InvalidDatetimeFormat,
    /// 22008: a date or time that no calendar has.
    DatetimeFieldOverflow,
    /// 22011: a part of a text of negative length.
    SubstringError,
    /// 22012: division by zero.
    DivisionByZero,
    /// 22021: bytes that are no letters of their encoding.
    CharacterNotInRepertoire,
    /// 22013: a frame of a window that begins or ends before a negative row.
    InvalidPrecedingOrFollowingSize,
    /// 22014: buckets of which there are none.
    InvalidArgumentForNtile,
    /// 22016: a row of a frame that is counted from zero.
    InvalidArgumentForNthValue,
    /// 22025: an escape of LIKE that is not one character.
    InvalidEscapeSequence,
    /// 22023: a value breaks a stated bound.
    InvalidParameterValue,
    /// 2201W: a negative LIMIT.
    InvalidRowCountInLimitClause,
    /// 2201X: a negative OFFSET.
    InvalidRowCountInOffsetClause,
    /// 2202E: items of an array that are not there.
    ArraySubscriptError,
    /// 22P02: text that is no value of the type wanted.
    InvalidTextRepresentation,
    /// 22P05: a letter that texts cannot hold.
    UntranslatableCharacter,
    /// 23502: NULL in a column that must have a value.
    NotNullViolation,
    /// 23505: the collection has a face of this id already.
    UniqueViolation,
    /// 26000: there is no such prepared statement.
    InvalidSqlStatementName,
    /// 25001: only possible outside a transaction block, or before its first query.
    ActiveSqlTransaction,
    /// 25P01: only possible inside a transaction block.
    NoActiveSqlTransaction,
    /// 25006: the store, or this transaction, accepts no writes.
    ReadOnlySqlTransaction,
    /// 25P02: the transaction block has failed and waits for ROLLBACK.
    InFailedSqlTransaction,
    /// 3B001: there is no such savepoint.
    InvalidSavepointSpecification,
    /// 3F000: there is no such schema.
    InvalidSchemaName,
    /// 34000: there is no such cursor.
    InvalidCursorName,
    /// 40001: others changed meanwhile what the transaction changes.
    SerializationFailure,
    /// 42000: the statement cannot be planned, for a reason no other code describes.
    SyntaxErrorOrAccessRuleViolation,
    /// 42501: the key's role does not allow this.
    InsufficientPrivilege,
    /// 42601: the text is not SQL as this server reads it.
    SyntaxError,
    /// 428C9: the column is made by the server.
    GeneratedAlways,
    /// 42602: the name is not acceptable.
    InvalidName,
    /// 42701: a column is named twice.
    DuplicateColumn,
    /// 42702: a column name could mean several columns.
    AmbiguousColumn,
    /// 42703: there is no such column.
    UndefinedColumn,
    /// 42704: there is no such object (a setting, for instance).
    UndefinedObject,
    /// 42710: there is such an object already (a key, for instance).
    DuplicateObject,
    /// 42712: a table alias is used twice.
    DuplicateAlias,
    /// 42803: aggregates and plain columns are mixed.
    GroupingError,
    /// 42P20: a window stands where it cannot.
    WindowingError,
    /// 42804: a value has the wrong type.
    DatatypeMismatch,
    /// 42809: a function or operator of another kind.
    WrongObjectType,
    /// 42846: no value of the one type is one of the other.
    CannotCoerce,
    /// 42883: there is no such function or operator.
    UndefinedFunction,
    /// 42939: the name is reserved.
    ReservedName,
    /// 42P01: there is no such collection.
    UndefinedTable,
    /// 42P03: the cursor exists already.
    DuplicateCursor,
    /// 42P05: the prepared statement exists already.
    DuplicatePreparedStatement,
    /// 42P10: an option names a column that the statement does not use.
    InvalidColumnReference,
    /// 42P02: there is no such parameter.
    UndefinedParameter,
    /// 42P07: the collection exists already.
    DuplicateTable,
    /// 42P08: a parameter is used with two types.
    AmbiguousParameter,
    /// 53200: the memory meant for queries is used up.
    OutOfMemory,
    /// 54000: a limit of this server is exceeded.
    ProgramLimitExceeded,
    /// 54001: the statement is nested too deeply.
    StatementTooComplex,
    /// 55000: the object is not in a state that allows this.
    ObjectNotInPrerequisiteState,
    /// 55P02: the setting cannot be changed.
    CantChangeRuntimeParam,
    /// 57014: the statement was canceled.
    QueryCanceled,
    /// 58000: something outside the server is missing.
    SystemError,
    /// 58030: a disk did not do what it was told.
    IoError,
    /// XX000: a malfunction of the server.
    InternalError,
    /// XX001: what is stored is damaged.
    DataCorrupted,
}

impl SqlState {
    /// The five characters that go over the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SuccessfulCompletion => "00000",
            Self::ProtocolViolation => "08P01",
            Self::FeatureNotSupported => "0A000",
            Self::CardinalityViolation => "21000",
            Self::DataException => "22000",
            Self::NumericValueOutOfRange => "22003",
            Self::NullValueNotAllowed => "22004",
            Self::InvalidDatetimeFormat => "22007",
            Self::DatetimeFieldOverflow => "22008",
            Self::InvalidRegularExpression => "2201B",
            Self::InvalidArgumentForLogarithm => "2201E",
            Self::InvalidArgumentForPower => "2201F",
            Self::InvalidArgumentForWidthBucket => "2201G",
            Self::SubstringError => "22011",
            Self::DivisionByZero => "22012",
            Self::CharacterNotInRepertoire => "22021",
            Self::InvalidPrecedingOrFollowingSize => "22013",
            Self::InvalidArgumentForNtile => "22014",
            Self::InvalidArgumentForNthValue => "22016",
            Self::InvalidEscapeSequence => "22025",
            Self::InvalidParameterValue => "22023",
            Self::InvalidRowCountInLimitClause => "2201W",
            Self::InvalidRowCountInOffsetClause => "2201X",
            Self::ArraySubscriptError => "2202E",
            Self::InvalidTextRepresentation => "22P02",
            Self::UntranslatableCharacter => "22P05",
            Self::NotNullViolation => "23502",
            Self::UniqueViolation => "23505",
            Self::InvalidSqlStatementName => "26000",
            Self::ActiveSqlTransaction => "25001",
            Self::NoActiveSqlTransaction => "25P01",
            Self::ReadOnlySqlTransaction => "25006",
            Self::InFailedSqlTransaction => "25P02",
            Self::InvalidSavepointSpecification => "3B001",
            Self::InvalidSchemaName => "3F000",
            Self::InvalidCursorName => "34000",
            Self::SerializationFailure => "40001",
            Self::SyntaxErrorOrAccessRuleViolation => "42000",
            Self::InsufficientPrivilege => "42501",
            Self::SyntaxError => "42601",
            Self::GeneratedAlways => "428C9",
            Self::InvalidName => "42602",
            Self::DuplicateColumn => "42701",
            Self::AmbiguousColumn => "42702",
            Self::UndefinedColumn => "42703",
            Self::UndefinedObject => "42704",
            Self::DuplicateObject => "42710",
            Self::DuplicateAlias => "42712",
            Self::GroupingError => "42803",
            Self::WindowingError => "42P20",
            Self::DatatypeMismatch => "42804",
            Self::WrongObjectType => "42809",
            Self::CannotCoerce => "42846",
            Self::UndefinedFunction => "42883",
            Self::ReservedName => "42939",
            Self::UndefinedTable => "42P01",
            Self::DuplicateCursor => "42P03",
            Self::DuplicatePreparedStatement => "42P05",
            Self::InvalidColumnReference => "42P10",
            Self::UndefinedParameter => "42P02",
            Self::DuplicateTable => "42P07",
            Self::AmbiguousParameter => "42P08",
            Self::OutOfMemory => "53200",
            Self::ProgramLimitExceeded => "54000",
            Self::StatementTooComplex => "54001",
            Self::ObjectNotInPrerequisiteState => "55000",
            Self::CantChangeRuntimeParam => "55P02",
            Self::QueryCanceled => "57014",
            Self::SystemError => "58000",
            Self::IoError => "58030",
            Self::InternalError => "XX000",
            Self::DataCorrupted => "XX001",
        }
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
