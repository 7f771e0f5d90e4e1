// What the checks share: they run one after the other, and a line is printed for each.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"strings"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgx/v4"
)

// The package whose version is that of the driver.
const packaged = "golang-github-jackc-pgx-v4-dev"

// A check fails by panicking.
func check(name string, work func(context.Context, *pgx.Conn)) {
	defer func() {
		if failure := recover(); failure != nil {
			why := strings.Join(strings.Fields(fmt.Sprint(failure)), " ")
			fmt.Printf("FAIL %s: %s\n", name, why)
		}
	}()
	background := context.Background()
	connection := connect("")
	defer connection.Close(background)
	execute(connection, "DELETE FROM faces")
	work(background, connection)
	fmt.Println("ok " + name)
}

// A connection with settings beside those of the environment.
func connect(settings string) *pgx.Conn {
	connection, err := pgx.Connect(context.Background(), settings)
	must(err)
	return connection
}

func execute(connection *pgx.Conn, text string, values ...interface{}) pgconn.CommandTag {
	tag, err := connection.Exec(context.Background(), text, values...)
	must(err)
	return tag
}

// The only value that a query returns, as what `into` is.
func value(connection *pgx.Conn, into interface{}, text string, values ...interface{}) {
	must(connection.QueryRow(context.Background(), text, values...).Scan(into))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(found, wanted interface{}) {
	if !reflect.DeepEqual(found, wanted) {
		panic(fmt.Sprintf("found %#v, wanted %#v", found, wanted))
	}
}

// The error of the server, which must have this SQLSTATE.
func refused(state string, err error) *pgconn.PgError {
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) {
		panic(fmt.Sprintf("no %s but %v", state, err))
	}
	equal(refusal.Code, state)
	return refusal
}

func printVersions() {
	version, err := exec.Command("dpkg-query", "--show", "--showformat=${source:Upstream-Version}", packaged).Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	fmt.Printf("machine pgx %s of Debian\n", version)
	fmt.Println("machine Go " + strings.TrimPrefix(runtime.Version(), "go"))
}
