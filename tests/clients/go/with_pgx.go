// pgx: everything prepared and in binary, batches in one round trip, COPY, cancellation by context.

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
)

const (
	insert  = "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2::real[])"
	endless = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b"
)

var (
	east, north, up = []float32{1, 0, 0}, []float32{0, 1, 0}, []float32{0, 0, 1}
	moment          = time.Date(2024, 1, 2, 3, 4, 5, 6000, time.UTC)
)

func main() {
	printVersions()
	check("reads values of every type in binary", values)
	check("reads and writes values in the simple protocol", simple)
	check("sends parameters of every type", parameters)
	check("reads and sends arrays of every type", arrays)
	check("prepares statements by name, and describes them", prepared)
	check("inserts, and returns what the server made", returning)
	check("searches with parameters", searches)
	check("reads and writes vectors in binary", vectors)
	check("copies in (CopyFrom), and copies nothing of what breaks off", copies)
	check("copies out as text and CSV", copiesOut)
	check("sends a batch, an error aborting the rest (SendBatch)", batches)
	check("nests transactions as savepoints", transactions)
	check("only reads in a transaction that said so", readsOnly)
	check("stops reading before the last row", stops)
	check("shares a pool", pools)
	check("cancels a statement whose context ends", cancels)
	check("cancels by request, and goes on", cancelsByRequest)
	check("hears notices", notices)
	check("is told that there is nothing to LISTEN to", listens)
	check("reports SQLSTATEs, with position", sqlstates)
	fmt.Println("done")
}

func names(connection *pgx.Conn) []string {
	found := []string{}
	value(connection, &found, "SELECT array_agg(external_face_id ORDER BY external_face_id) FROM faces")
	return found
}

func readValues(connection *pgx.Conn) {
	row := connection.QueryRow(context.Background(), `SELECT true, 2::smallint, 3::int, 9::bigint, 1.5::real, 2.5::float8,
		'x'::text, NULL::text, '\x00ff'::bytea, '{"a": [1]}'::jsonb, '2024-01-02 03:04:05.000006+00'::timestamptz,
		ARRAY[1.5, 2.5]::real[], 12.50::numeric`)
	var (
		truth   bool
		short   int16
		number  int32
		long    int64
		single  float32
		double  float64
		text    string
		nothing *string
		bytes   []byte
		tree    map[string][]int
		at      time.Time
		list    []float32
		decimal pgtype.Numeric
	)
	must(row.Scan(&truth, &short, &number, &long, &single, &double, &text, &nothing, &bytes, &tree, &at, &list, &decimal))
	equal([]interface{}{truth, short, number, long}, []interface{}{true, int16(2), int32(3), int64(9)})
	equal([]interface{}{single, double, text}, []interface{}{float32(1.5), 2.5, "x"})
	equal(nothing == nil, true)
	equal(bytes, []byte{0, 255})
	equal(tree, map[string][]int{"a": {1}})
	equal(at.Equal(moment), true)
	equal(list, []float32{1.5, 2.5})
	var as64 float64
	must(decimal.AssignTo(&as64))
	equal(as64, 12.5)
}

func values(_ context.Context, connection *pgx.Conn) {
	readValues(connection)
}

func simple(background context.Context, _ *pgx.Conn) {
	configuration, err := pgx.ParseConfig("")
	must(err)
	configuration.PreferSimpleProtocol = true
	connection, err := pgx.ConnectConfig(background, configuration)
	must(err)
	defer connection.Close(background)
	readValues(connection)
	var (
		text   string
		number int
		bytes  []byte
		at     time.Time
	)
	row := connection.QueryRow(background, "SELECT $1, $2::int, $3::bytea, $4::timestamptz", "é'\\", -7, []byte{0, 255}, moment)
	must(row.Scan(&text, &number, &bytes, &at))
	equal([]interface{}{text, number, bytes, at.Equal(moment)}, []interface{}{"é'\\", -7, []byte{0, 255}, true})
	execute(connection, "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2)", "ann", "[1,0,0]")
	equal(names(connection), []string{"ann"})
}

func parameters(background context.Context, connection *pgx.Conn) {
	query := `SELECT $1::bool, $2::smallint, $3::int, $4::bigint, $5::real, $6::float8, $7::text, $8::bytea,
		$9::jsonb, $10::timestamptz, $11::text`
	var (
		truth   bool
		short   int16
		number  int32
		long    int64
		single  float32
		double  float64
		text    string
		bytes   []byte
		tree    map[string]string
		at      time.Time
		nothing *string
	)
	sent := map[string]string{"team": "red"}
	row := connection.QueryRow(background, query, true, int16(-2), 7, int64(1)<<40, float32(1.5), 0.25, "é'\\", []byte{0, 1},
		sent, moment, nil)
	must(row.Scan(&truth, &short, &number, &long, &single, &double, &text, &bytes, &tree, &at, &nothing))
	equal([]interface{}{truth, short, number, long}, []interface{}{true, int16(-2), int32(7), int64(1) << 40})
	equal([]interface{}{single, double, text}, []interface{}{float32(1.5), 0.25, "é'\\"})
	equal(bytes, []byte{0, 1})
	equal(tree, sent)
	equal(at.Equal(moment), true)
	equal(nothing == nil, true)
}

func arrays(background context.Context, connection *pgx.Conn) {
	var (
		texts   []string
		shorts  []int16
		numbers []int32
		longs   []int64
		singles []float32
		doubles []float64
		truths  []bool
		bytes   [][]byte
		moments []time.Time
	)
	query := `SELECT $1::text[], $2::smallint[], $3::int[], $4::bigint[], $5::real[], $6::float8[], $7::bool[], $8::bytea[],
		$9::timestamptz[]`
	row := connection.QueryRow(background, query, []string{"a", "c d", `"{,}\`}, []int16{1, -2}, []int32{70000},
		[]int64{1 << 40}, []float32{1.5}, []float64{0.25, -1}, []bool{true, false}, [][]byte{{0, 255}, {}}, []time.Time{moment})
	must(row.Scan(&texts, &shorts, &numbers, &longs, &singles, &doubles, &truths, &bytes, &moments))
	equal(texts, []string{"a", "c d", `"{,}\`})
	equal([]interface{}{shorts, numbers, longs}, []interface{}{[]int16{1, -2}, []int32{70000}, []int64{1 << 40}})
	equal([]interface{}{singles, doubles}, []interface{}{[]float32{1.5}, []float64{0.25, -1}})
	equal([]interface{}{truths, bytes}, []interface{}{[]bool{true, false}, [][]byte{{0, 255}, {}}})
	equal(len(moments) == 1 && moments[0].Equal(moment), true)
	execute(connection, insert, "ann", east)
	var count int
	value(connection, &count, "SELECT count(*) FROM faces WHERE external_face_id = ANY($1)", []string{"ann", "bob"})
	equal(count, 1)
}

func prepared(background context.Context, connection *pgx.Conn) {
	text := "SELECT face_id, confidence, created_at FROM faces WHERE external_face_id = $1"
	description, err := connection.Prepare(background, "by name", text)
	must(err)
	equal(description.ParamOIDs, []uint32{pgtype.TextOID})
	kinds := []uint32{}
	for _, field := range description.Fields {
		kinds = append(kinds, field.DataTypeOID)
	}
	equal(kinds, []uint32{pgtype.TextOID, pgtype.Float4OID, pgtype.TimestamptzOID})
	execute(connection, insert, "ann", east)
	for i := 0; i < 7; i++ {
		var face string
		must(connection.QueryRow(background, "by name", "ann").Scan(&face, nil, nil))
		equal(face[:2], "f_")
	}
	must(connection.Deallocate(background, "by name"))
	_, err = connection.Exec(background, `EXECUTE "by name"('ann')`)
	refused("26000", err)
}

func returning(background context.Context, connection *pgx.Conn) {
	text := `INSERT INTO faces (external_face_id, metadata, embedding) VALUES ($1, $2, $3::real[])
		RETURNING face_id, metadata, created_at`
	sent := map[string]string{"team": "red"}
	var (
		face string
		tree map[string]string
		at   time.Time
	)
	must(connection.QueryRow(background, text, "ann", sent, east).Scan(&face, &tree, &at))
	equal([]interface{}{face[:2], tree, at.IsZero()}, []interface{}{"f_", sent, false})
	equal(execute(connection, "DELETE FROM faces").String(), "DELETE 1")
	equal(execute(connection, insert, "bob", north).RowsAffected(), int64(1))
}

func searches(background context.Context, connection *pgx.Conn) {
	execute(connection, insert, "ann", east)
	execute(connection, insert, "bob", north)
	text := "SELECT external_face_id, similarity FROM (SEARCH FACES IN faces EMBEDDING $1::real[] THRESHOLD $2 LIMIT $3) s"
	var (
		name       string
		similarity float32
	)
	must(connection.QueryRow(background, text, north, float32(0.5), 5).Scan(&name, &similarity))
	equal([]interface{}{name, similarity}, []interface{}{"bob", float32(1)})
}

func vectors(background context.Context, connection *pgx.Conn) {
	registerVector(connection)
	text := "INSERT INTO faces (external_face_id, embedding) VALUES ($1, $2)"
	execute(connection, text, "ann", &vector{numbers: east})
	execute(connection, text, "bob", &vector{numbers: north})
	var numbers []float32
	value(connection, &numbers, "SELECT embedding FROM faces WHERE external_face_id = $1", "bob")
	equal(numbers, north)
	var name string
	nearest := "SELECT external_face_id FROM faces ORDER BY embedding <=> $1 LIMIT 1"
	value(connection, &name, nearest, &vector{numbers: []float32{0.9, 0.1, 0}})
	equal(name, "ann")
}

func copies(background context.Context, connection *pgx.Conn) {
	registerVector(connection)
	table, columns := pgx.Identifier{"faces"}, []string{"external_face_id", "metadata", "embedding"}
	red := map[string]string{"team": "red"}
	rows := [][]interface{}{{"ann", red, east}, {"bob", nil, north}, {nil, red, up}}
	count, err := connection.CopyFrom(background, table, columns, pgx.CopyFromRows(rows))
	must(err)
	equal(count, int64(3))
	equal(execute(connection, "DELETE FROM faces WHERE external_face_id IS NULL").RowsAffected(), int64(1))
	broken := pgx.CopyFromSlice(3, func(at int) ([]interface{}, error) {
		if at == 2 {
			return nil, errors.New("no more")
		}
		return []interface{}{"cleo", nil, up}, nil
	})
	_, err = connection.CopyFrom(background, table, columns, broken)
	refused("57014", err)
	_, err = connection.CopyFrom(background, pgx.Identifier{"public", "nowhere"}, columns, pgx.CopyFromRows(rows))
	refused("42P01", err)
	equal(names(connection), []string{"ann", "bob"})
}

func copiesOut(background context.Context, connection *pgx.Conn) {
	execute(connection, insert, "ann", east)
	for format, wanted := range map[string]string{"text": "ann\t[1,0,0]\n", "csv": "ann,\"[1,0,0]\"\n"} {
		written := &buffer{}
		text := "COPY (SELECT external_face_id, embedding FROM faces) TO STDOUT WITH (FORMAT " + format + ")"
		tag, err := connection.PgConn().CopyTo(background, written, text)
		must(err)
		equal([]interface{}{tag.String(), string(*written)}, []interface{}{"COPY 1", wanted})
	}
}

type buffer []byte

func (b *buffer) Write(bytes []byte) (int, error) {
	*b = append(*b, bytes...)
	return len(bytes), nil
}

func batches(background context.Context, connection *pgx.Conn) {
	batch := &pgx.Batch{}
	for number := 0; number < 20; number++ {
		batch.Queue(insert, fmt.Sprint("n", number), up)
	}
	batch.Queue("SELECT count(*) FROM faces")
	results := connection.SendBatch(background, batch)
	for number := 0; number < 20; number++ {
		tag, err := results.Exec()
		must(err)
		equal(tag.String(), "INSERT 0 1")
	}
	var count int
	must(results.QueryRow().Scan(&count))
	equal(count, 20)
	must(results.Close())
	// What is sent together without BEGIN is one transaction.
	failing := &pgx.Batch{}
	failing.Queue(insert, "ann", east)
	failing.Queue("SELECT 1 / $1::int", 0)
	failing.Queue(insert, "bob", north)
	results = connection.SendBatch(background, failing)
	_, err := results.Exec()
	must(err)
	_, err = results.Exec()
	refused("22012", err)
	refused("22012", results.Close())
	equal(len(names(connection)), 20)
}

func transactions(background context.Context, connection *pgx.Conn) {
	must(connection.BeginFunc(background, func(outer pgx.Tx) error {
		_, err := outer.Exec(background, insert, "ann", east)
		must(err)
		failed := outer.BeginFunc(background, func(inner pgx.Tx) error {
			_, err := inner.Exec(background, insert, "bob", north)
			must(err)
			_, err = inner.Exec(background, "SELECT 1 / 0")
			return err
		})
		refused("22012", failed)
		inner, err := outer.Begin(background)
		must(err)
		_, err = inner.Exec(background, insert, "cleo", up)
		must(err)
		return inner.Commit(background)
	}))
	equal(names(connection), []string{"ann", "cleo"})
	transaction, err := connection.Begin(background)
	must(err)
	_, err = transaction.Exec(background, "SELECT 1 / 0")
	refused("22012", err)
	_, err = transaction.Exec(background, "SELECT 1")
	refused("25P02", err)
	equal(transaction.Commit(background), pgx.ErrTxCommitRollback)
}

func readsOnly(background context.Context, connection *pgx.Conn) {
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	transaction, err := connection.BeginTx(background, options)
	must(err)
	_, err = transaction.Exec(background, insert, "ann", east)
	refused("25006", err)
	must(transaction.Rollback(background))
}

func stops(background context.Context, connection *pgx.Conn) {
	rows, err := connection.Query(background, "SELECT n FROM generate_series(1, $1::int) AS t(n)", 100000)
	must(err)
	var sum, number int
	for number < 100 && rows.Next() {
		must(rows.Scan(&number))
		sum += number
	}
	rows.Close()
	must(rows.Err())
	equal(sum, 5050)
	value(connection, &number, "SELECT 7")
	equal(number, 7)
}

func pools(background context.Context, _ *pgx.Conn) {
	pool, err := pgxpool.Connect(background, "pool_max_conns=4")
	must(err)
	defer pool.Close()
	var asked sync.WaitGroup
	found := make([]int, 20)
	for number := range found {
		asked.Add(1)
		go func(number int) {
			defer asked.Done()
			if err := pool.QueryRow(background, "SELECT $1::int", number).Scan(&found[number]); err != nil {
				found[number] = -1
			}
		}(number)
	}
	asked.Wait()
	for number := range found {
		equal(found[number], number)
	}
}

// Whose context ends closes its connection, having asked the server to stop.
func cancels(background context.Context, watcher *pgx.Conn) {
	connection := connect("")
	ending, cancel := context.WithTimeout(background, 100*time.Millisecond)
	defer cancel()
	_, err := connection.Exec(ending, endless)
	equal(pgconn.Timeout(err), true)
	<-connection.PgConn().CleanupDone()
	equal(connection.IsClosed(), true)
	var text string
	value(watcher, &text, "SELECT 'on'")
	equal(text, "on")
}

func cancelsByRequest(background context.Context, connection *pgx.Conn) {
	ended := make(chan error)
	go func() {
		_, err := connection.Exec(background, endless)
		ended <- err
	}()
	for {
		// A request that comes before the statement finds nothing to cancel.
		must(connection.PgConn().CancelRequest(background))
		select {
		case err := <-ended:
			refused("57014", err)
			var number int
			value(connection, &number, "SELECT 7")
			equal(number, 7)
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func notices(background context.Context, _ *pgx.Conn) {
	configuration, err := pgx.ParseConfig("")
	must(err)
	var heard []string
	configuration.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) {
		heard = append(heard, notice.Severity+" "+notice.Code)
	}
	connection, err := pgx.ConnectConfig(background, configuration)
	must(err)
	defer connection.Close(background)
	execute(connection, "DROP COLLECTION IF EXISTS nowhere")
	equal(heard, []string{"NOTICE 00000"})
}

func listens(background context.Context, connection *pgx.Conn) {
	_, err := connection.Exec(background, "LISTEN faces")
	refused("0A000", err)
	execute(connection, "UNLISTEN *")
}

func sqlstates(background context.Context, connection *pgx.Conn) {
	cases := map[string]string{
		"SELECT * FROM nowhere":       "42P01",
		"SELECT nothing FROM faces":   "42703",
		"SELECT 1 / 0":                "22012",
		"SELECT 'x'::int":             "22P02",
		"SELECT no_function()":        "42883",
		"CREATE TABLE others (n int)": "0A000",
	}
	for text, state := range cases {
		_, err := connection.Exec(background, text)
		refused(state, err)
	}
	_, err := connection.Exec(background, "SELECT 1 FROM faces WHERE nothing = $1", 1)
	equal(refused("42703", err).Position, int32(27))
	_, err = connection.Exec(background, "SELEC 1")
	equal(refused("42601", err).Position, int32(1))
}
