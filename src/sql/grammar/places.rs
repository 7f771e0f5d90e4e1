//! Where names, texts and operators stand in a statement, for errors that are found when it is
//! planned.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use super::name::folded_word;
use super::operands::Operands;
use super::position::Positions;
use crate::sql::function::scalar::read_document;
use crate::sql::{SqlError, SqlState};

/// Most places of a statement that are remembered.
const PLACES_MAX: usize = 1000;

/// Operators that have words beside their signs.
const WORDS: [(&str, &str); 11] = [
    ("~~", "like"),
    ("!~~", "not"),
    ("~~*", "ilike"),
    ("=", "in"),
    ("=", "nullif"),
    ("=", "when"),
    ("<>", "not"),
    (">=", "between"),
    ("<=", "between"),
    ("<", "not"),
    (">", "not"),
];

/// Functions that a statement may call by another name.
const CALLED: [(&str, &str); 3] =
    [("btrim", "trim"), ("substring", "substr"), ("strpos", "position")];

/// Aggregates that a message may be about.
const AGGREGATES: [&str; 9] =
    ["array_agg", "avg", "bool_and", "bool_or", "count", "max", "min", "string_agg", "sum"];

/// Window functions that are no aggregates.
const WINDOWS: [&str; 6] = ["dense_rank", "lag", "lead", "ntile", "rank", "row_number"];

/// What stands in a statement, and where.
#[derive(Debug, Default)]
pub(in crate::sql) struct Places {
    all: Vec<Place>,
    operands: Operands,
}

#[derive(Debug)]
struct Place {
    what: What,
    /// A name such as `a` and `a.b`, what a text says, or a sign.
    text: String,
    position: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Name,
    /// A name before a parenthesis.
    Call,
    Text,
    Number,
    Sign,
}

impl Places {
    /// Those of the statement that `text` has at `tokens`.
    pub(super) fn of(text: &str, tokens: &[TokenWithSpan]) -> Self {
        let mut positions = Positions::of(text);
        let mut places: Vec<Place> = Vec::new();
        let mut behind_point = false;
        for token in tokens {
            match (&token.token, places.last_mut()) {
                (Token::Word(word), Some(name)) if behind_point => {
                    name.text.push('.');
                    name.text.push_str(&folded_word(word));
                }
                (Token::LParen, Some(name)) if name.what == What::Name => name.what = What::Call,
                _ => {}
            }
            if !std::mem::replace(&mut behind_point, token.token == Token::Period)
                && places.len() < PLACES_MAX
                && let Some((what, text)) = seen(&token.token)
                && let Some(position) = positions.at(token.span.start)
            {
                places.push(Place { what, text, position });
            }
        }
        Self { all: places, operands: Operands::of(text, tokens) }
    }

    /// `error` with the position of what it is about, if that is known.
    pub(in crate::sql) fn locate(&self, error: SqlError) -> SqlError {
        if error.position.is_some() {
            return error;
        }
        let position = match error.state {
            SqlState::UndefinedColumn | SqlState::UndefinedTable => self.column(&error.message),
            SqlState::GroupingError | SqlState::WindowingError => {
                self.aggregate(&error.message).or_else(|| self.column(&error.message))
            }
            // PostgreSQL tells no place of what two sides of a join have in common.
            SqlState::AmbiguousColumn if error.message.starts_with("common column name") => None,
            SqlState::AmbiguousColumn => quoted(&error.message).and_then(|name| self.first(name)),
            SqlState::UndefinedParameter => {
                self.first(error.message.rsplit(' ').next().unwrap_or_default())
            }
            SqlState::DuplicateColumn | SqlState::DuplicateAlias => self.second(&error.message),
            SqlState::UndefinedObject => quoted(&error.message).and_then(|name| self.last(name)),
            SqlState::UndefinedFunction | SqlState::WrongObjectType => self.called(&error.message),
            SqlState::InvalidTextRepresentation
            | SqlState::UntranslatableCharacter
            | SqlState::InvalidParameterValue
            | SqlState::NumericValueOutOfRange
            | SqlState::InvalidDatetimeFormat
            | SqlState::DatetimeFieldOverflow => self.literal(&error.message),
            SqlState::InvalidColumnReference => {
                self.number(&error.message).or_else(|| self.key(&error.message))
            }
            SqlState::DatatypeMismatch => {
                self.operands.place(&error.message).or_else(|| self.operand(&error.message))
            }
            SqlState::CannotCoerce => {
                self.operands.place(&error.message).or_else(|| self.sign("::"))
            }
            SqlState::SyntaxError if error.message.starts_with("non-integer constant") => {
                self.constant(&error.message)
            }
            SqlState::SyntaxError => self.operands.place(&error.message).or_else(|| {
                let is_option = error.message.starts_with("unrecognized ")
                    || error.message.ends_with(" not recognized");
                let name = |what| if is_option { self.name(what) } else { None };
                quoted(&error.message).and_then(|what| self.sign(what).or_else(|| name(what)))
            }),
            _ => None,
        };
        error.at(position)
    }

    fn find(&self, wanted: impl Fn(&Place) -> bool) -> Option<u32> {
        self.all.iter().find(|place| wanted(place)).map(|place| place.position)
    }

    /// The only place of its kind; of several the error may be about any.
    fn only(&self, wanted: impl Fn(&Place) -> bool) -> Option<u32> {
        let mut found = self.all.iter().filter(|place| wanted(place));
        let first = found.next()?.position;
        found.next().is_none().then_some(first)
    }

    /// A column or a table, perhaps with more before it than the message says, or less.
    fn column(&self, message: &str) -> Option<u32> {
        let name = match message.strip_prefix("column ") {
            // PostgreSQL quotes no name that has a table before it.
            Some(rest) if !rest.starts_with('"') => rest.split(' ').next()?,
            _ => quoted(message)?,
        };
        let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
        let table = format!("{name}.");
        let of_table = || self.find(|place| place.is_name() && place.text.starts_with(&table));
        if message.starts_with("missing FROM-clause") {
            return of_table().or_else(|| self.first(name));
        }
        self.first(name)
            .or_else(|| self.find(|place| place.is_name() && last(&place.text) == name))
            .or_else(of_table)
            .or_else(|| self.first(&last(name)))
    }

    fn first(&self, name: &str) -> Option<u32> {
        self.find(|place| place.is_name() && place.text == name)
    }

    /// What stands a second time.
    fn second(&self, message: &str) -> Option<u32> {
        let name = quoted(message)?;
        let mut found = self.all.iter().filter(|place| place.is_name() && place.text == name);
        found.nth(1).map(|place| place.position)
    }

    fn last(&self, name: &str) -> Option<u32> {
        let found = self.all.iter().rev().find(|place| place.is_name() && place.text == name);
        found.map(|place| place.position)
    }

    /// A function or an operator.
    fn called(&self, message: &str) -> Option<u32> {
        if let Some(rest) = message.strip_prefix("operator does not exist: ") {
            let sign = rest.split(' ').find(|word| is_sign(word))?;
            let is_word = |word: &str| WORDS.contains(&(sign, word));
            return self
                .sign(sign)
                .or_else(|| self.only(|place| place.is_name() && is_word(&place.text)));
        }
        if let Some((_, rest)) = message.split_once(" specified, but ") {
            let name = rest.split(' ').next()?;
            return self.find(|place| place.what == What::Call && place.text == name);
        }
        let name = message
            .strip_prefix("function ")
            .or_else(|| message.strip_prefix("window function "))?;
        let name = name.split(['(', ' ']).next()?;
        let written = CALLED.iter().find(|(known, _)| *known == name).map(|(_, written)| *written);
        let is_call = |place: &Place| {
            let called = place.text.strip_prefix("pg_catalog.").unwrap_or(&place.text);
            place.what == What::Call && (called == name || Some(called) == written)
        };
        // Of a function that there is none of, the first is meant.
        let unknown = message.ends_with("does not exist");
        self.only(is_call).or_else(|| if unknown { self.find(is_call) } else { None })
    }

    /// A text that is no value of its type.
    fn literal(&self, message: &str) -> Option<u32> {
        let is_text = |place: &Place| place.what == What::Text;
        let Some((_, rest)) = message.split_once('"') else {
            // What is said of documents does not repeat them.
            return self.only(|place| is_text(place) && read_document(&place.text).is_err());
        };
        let (text, _) = rest.rsplit_once('"')?;
        self.only(|place| is_text(place) && place.text == text).or_else(|| {
            // An item of an array.
            self.only(|place| is_text(place) && !text.is_empty() && place.text.contains(text))
        })
    }

    /// An aggregate where none may stand.
    fn aggregate(&self, message: &str) -> Option<u32> {
        let is_aggregate =
            |place: &&Place| place.what == What::Call && AGGREGATES.contains(&place.text.as_str());
        if message.starts_with("aggregate function calls cannot be nested") {
            return self.all.iter().filter(is_aggregate).nth(1).map(|place| place.position);
        }
        let (of_what, clause) = message.split_once(" functions are not allowed in ")?;
        let word = match clause {
            "JOIN conditions" => "on",
            "UPDATE" => "set",
            clause => &clause.split(' ').next()?.to_ascii_lowercase(),
        };
        let from = self.first(word)?;
        self.find(|place| {
            let fits = is_aggregate(&place)
                || of_what == "window" && WINDOWS.contains(&place.text.as_str());
            fits && place.what == What::Call && place.position > from
        })
    }

    /// The only expression behind ORDER BY or DISTINCT ON.
    fn key(&self, message: &str) -> Option<u32> {
        let word = if message.starts_with("for SELECT DISTINCT") {
            "by"
        } else if message.starts_with("SELECT DISTINCT ON") {
            "on"
        } else {
            return None;
        };
        let from = self.only(|place| place.is_name() && place.text == word)?;
        let behind = |place: &Place| place.position > from;
        // Of several that the rows are ordered by, one of those behind the first may be meant.
        if word == "by" { self.only(behind) } else { self.find(behind) }
    }

    /// A constant behind ORDER BY or GROUP BY that is no whole number.
    fn constant(&self, message: &str) -> Option<u32> {
        let clause = message.rsplit(' ').nth(1)?.to_ascii_lowercase();
        let from = self.last(&clause)?;
        self.find(|place| {
            let is_constant = match place.what {
                What::Number => place.text.parse::<u32>().is_err(),
                What::Text => true,
                _ => false,
            };
            is_constant && place.position > from
        })
    }

    /// A number behind ORDER BY or GROUP BY.
    fn number(&self, message: &str) -> Option<u32> {
        let clause = message.split(' ').next()?.to_ascii_lowercase();
        let number = message.split(' ').find(|word| word.parse::<u32>().is_ok())?;
        let from = self.last(&clause)?;
        self.find(|place| {
            place.what == What::Number && place.text == number && place.position > from
        })
    }

    /// What stands behind the word that wants another type.
    fn operand(&self, message: &str) -> Option<u32> {
        if let Some(rest) = message.strip_prefix("column \"") {
            return self.new_value(rest.split('"').next()?);
        }
        let (clause, _) = message.strip_prefix("argument of ")?.split_once(" must be type ")?;
        let word = match clause {
            "JOIN/ON" => "on",
            "WHERE" | "HAVING" | "NOT" | "LIMIT" => &clause.to_ascii_lowercase(),
            _ => return None,
        };
        let from = self.only(|place| place.is_name() && place.text == word)?;
        self.find(|place| place.position > from)
    }

    /// What stands behind `column =`.
    fn new_value(&self, column: &str) -> Option<u32> {
        let set = self.all.windows(3).find(|places| {
            places[0].is_name() && places[0].text == column && places[1].text == "="
        });
        set.map(|places| places[2].position)
    }

    fn name(&self, name: &str) -> Option<u32> {
        self.only(|place| place.is_name() && place.text == name)
    }

    fn sign(&self, sign: &str) -> Option<u32> {
        self.only(|place| place.what == What::Sign && place.text == sign)
    }
}

impl Place {
    fn is_name(&self) -> bool {
        matches!(self.what, What::Name | What::Call)
    }
}

fn seen(token: &Token) -> Option<(What, String)> {
    Some(match token {
        Token::Word(word) => (What::Name, folded_word(word)),
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => {
            (What::Text, text.clone())
        }
        Token::Number(digits, _) => (What::Number, digits.clone()),
        Token::Placeholder(name) => (What::Name, name.clone()),
        Token::Neq => (What::Sign, "<>".to_owned()),
        other => {
            let sign = other.to_string();
            if !is_sign(&sign) {
                return None;
            }
            (What::Sign, sign)
        }
    })
}

/// Whether `text` is an operator, such as `->>`.
fn is_sign(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| "+-*/<>=~!@#%^&|?:".contains(letter))
}

/// The first name in a message.
fn quoted(message: &str) -> Option<&str> {
    message.split('"').nth(1)
}
