//! psql: its own commands, and how it shows what the server says.

use std::process::{Command, Stdio};

use crate::document;
use crate::fixture::Fixture;
use crate::report::{Client, Report};
use crate::{notice, python};

/// A text that psql is given, and what its output must contain.
const COMMANDS: &[(&str, &[&str])] = &[
    ("SELECT 1 AS one;", &["one", "(1 row)"]),
    ("\\x on\nSELECT 1 AS one, 'x' AS two;", &["-[ RECORD 1 ]", "two | x"]),
    ("\\conninfo", &["You are connected to database \"default\" as user \"admin\""]),
    ("\\encoding", &["UTF8"]),
    ("SELECT 7 AS n \\gset\n\\echo value :n", &["value 7"]),
    ("SELECT 'SELECT 6 * 7 AS answer' \\gexec", &["answer", "42"]),
    ("SELECT 1/0;\n\\echo :LAST_ERROR_SQLSTATE", &["division by zero", "22012"]),
    ("\\set VERBOSITY verbose\nSELEC 1;", &["ERROR: 42601:", "LINE 1: SELEC 1;"]),
    ("\\errverbose", &["There is no previous error."]),
    ("SELECT 1 \\; SELECT 2;", &["1", "2"]),
    ("\\d faces", &["embedding", "vector(3)", "\"faces_pkey\" PRIMARY KEY, btree (face_id)"]),
    (
        "\\d+ fac*",
        &["Table \"public.faces\"", "Index \"public.faces_pkey\"", "Access method: heap"],
    ),
    ("\\d faces_pkey", &["face_id | text | yes | face_id", "primary key, btree, for table"]),
    ("\\d pg_class", &["Table \"pg_catalog.pg_class\"", "relname"]),
    ("\\dt pub*.*", &["public | faces | table | admin"]),
    ("\\dt+", &["faces", "permanent", "heap", "of the matrix"]),
    ("\\dt *.pg_cla*", &["pg_catalog | pg_class"]),
    ("\\dt default.public.*", &["faces"]),
    ("\\di+", &["faces_pkey", "index", "faces", "btree"]),
    ("\\dv", &["Did not find any relations."]),
    ("\\dv pg_views", &["pg_catalog | pg_views | view"]),
    ("\\dT vec*", &["public | vector"]),
    ("\\dT+ real", &["pg_catalog | real", "float4"]),
    ("\\df array_in", &["pg_catalog | array_in", "func"]),
    ("\\df+ array_*", &["array_recv", "internal"]),
    ("\\da", &["List of aggregate functions"]),
    ("\\do <=>", &["List of operators", "vector | double precision | cosine distance"]),
    ("\\dC+", &["List of casts"]),
    ("\\dc+", &["List of conversions"]),
    ("\\dD+", &["List of domains"]),
    ("\\dd", &["Object descriptions"]),
    ("\\dL+", &["List of languages"]),
    ("\\dLS", &["internal", "sql"]),
    ("\\dn+", &["public | admin"]),
    ("\\dnS", &["information_schema", "pg_catalog"]),
    ("\\du", &["admin"]),
    ("\\dg+ adm*", &["admin"]),
    ("\\drds", &["Did not find any settings."]),
    ("\\l", &["default", "admin", "UTF8"]),
    ("\\l+ def*", &["default", "pg_default"]),
    ("\\db+", &["pg_default", "pg_global"]),
    ("\\dp faces", &["public | faces | table"]),
    ("\\ddp", &["Default access privileges"]),
    ("\\dA+", &["btree", "heap"]),
    ("\\dAp+ btree", &["List of support functions of operator families"]),
    ("\\dF+", &["text search"]),
    ("\\dO", &["List of collations"]),
    ("\\dx+", &["Objects in extension \"vector\""]),
    ("\\dy+", &["List of event triggers"]),
    ("\\dP+", &["List of partitioned relations"]),
    ("\\dew+", &["List of foreign-data wrappers"]),
    ("\\dconfig+ server_version", &["server_version"]),
    ("\\sv pg_views", &["CREATE OR REPLACE VIEW pg_catalog.pg_views"]),
    ("\\sf absent", &["function \"absent\" does not exist"]),
    ("\\lo_list", &["Large objects"]),
    ("\\dt other.public.faces", &["cross-database references are not implemented"]),
    ("\\dt absent", &["Did not find any relation named \"absent\"."]),
];

/// Commands that describe something, each with the letters that it takes: `S` for what the system
/// has of it, `+` for more about it.
const DESCRIPTIONS: &str = "\
    d:S+ da:S dA:+ dAc:+ dAf:+ dAo:+ dAp:+ db:+ dc:S+ dC:+ dconfig:+ dd:S dD:S+ ddp: dE:S+ des:+ \
    det:+ deu:+ dew:+ df:S+ dfa:S+ dfn:S+ dfp:S+ dft:S+ dfw:S+ dF:+ dFd:+ dFp:+ dFt:+ dg:S+ di:S+ \
    dl:+ dL:S+ dm:S+ dn:S+ do:S+ dO:S+ dp: dP:+ dPi:+ dPt:+ dPn:+ drds: dRp:+ dRs:+ ds:S+ dt:S+ \
    dT:S+ du:S+ dv:S+ dtv:S+ dx:+ dX: dy:+ l:+ z:";
/// What such a command may say of a pattern: names that there are, and that there are none.
const PATTERNS: [&str; 3] = ["", " fac*", " absent"];

/// Types into psql in a terminal, and has it complete what was begun.
pub(crate) async fn complete(client: &Client) {
    match version() {
        Ok(_) => python::run(client, "with_psql_tab.py").await,
        Err(why) => notice::left_out(client, &why),
    }
}

fn version() -> Result<String, String> {
    let output = Command::new("psql").arg("--version").output();
    let output = output.map_err(|error| format!("psql: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs psql once for each command.
pub(crate) async fn run(client: &Client) {
    let version = match version() {
        Ok(version) => version,
        Err(why) => return notice::left_out(client, &why),
    };
    let fixture = Fixture::start().await;
    let mut report = Report::default();
    report.machine.push(version);
    for (typed, wanted) in COMMANDS {
        let printed = answer(&fixture, typed);
        for part in *wanted {
            assert!(printed.contains(part), "{typed}\ndid not print {part}, but\n{printed}");
        }
        report.passed.push(format!("`{}`", typed.replace('\n', " ⏎ ")));
    }
    document::hold(client, &report);
}

/// Runs every command that describes something, in every form.
pub(crate) async fn describe(client: &Client) {
    let version = match version() {
        Ok(version) => version,
        Err(why) => return notice::left_out(client, &why),
    };
    let fixture = Fixture::start().await;
    let mut report = Report::default();
    report.machine.push(version);
    for description in DESCRIPTIONS.split_whitespace() {
        let (name, letters) = description.split_once(':').unwrap();
        let mut forms = vec!["", letters];
        forms.extend(letters.split_inclusive(|_| true));
        forms.sort_unstable();
        forms.dedup();
        let typed = forms.iter().flat_map(|form| PATTERNS.map(|p| format!("\\{name}{form}{p}")));
        let printed = answer(&fixture, &typed.collect::<Vec<_>>().join("\n"));
        for complaint in ["ERROR", "invalid command", "\\"] {
            assert!(!printed.contains(complaint), "\\{name}:\n{printed}");
        }
        let forms: Vec<String> = forms.iter().map(|form| format!("`\\{name}{form}`")).collect();
        report.passed.push(forms.join(", "));
    }
    document::hold(client, &report);
}

/// All that psql prints for a text on its standard input, with one space where there are more.
fn answer(fixture: &Fixture, typed: &str) -> String {
    let script = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(script.path(), format!("{typed}\n")).unwrap();
    let output = Command::new("psql")
        .args(["-X", "-f"])
        .arg(script.path())
        .envs(fixture.environment())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (out, error) = (output.stdout, output.stderr);
    let printed = format!("{}\n{}", String::from_utf8_lossy(&out), String::from_utf8_lossy(&error));
    let words = printed.split(' ').filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}
