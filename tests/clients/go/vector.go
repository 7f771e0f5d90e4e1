// The type `vector` for pgx, as its users register it: its name is looked up, its values travel in binary.

package main

import (
	"encoding/binary"
	"errors"
	"math"

	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
)

type vector struct {
	numbers []float32
	isNull  bool
}

func registerVector(connection *pgx.Conn) {
	var number uint32
	value(connection, &number, "SELECT oid FROM pg_type WHERE typname = 'vector'")
	kind := pgtype.DataType{Value: &vector{}, Name: "vector", OID: number}
	connection.ConnInfo().RegisterDataType(kind)
}

func (v *vector) Set(source interface{}) error {
	numbers, ok := source.([]float32)
	if !ok {
		return errors.New("a vector is set to []float32")
	}
	*v = vector{numbers: numbers}
	return nil
}

func (v vector) Get() interface{} {
	return v.numbers
}

func (v *vector) AssignTo(target interface{}) error {
	numbers, ok := target.(*[]float32)
	if !ok {
		return errors.New("a vector is assigned to *[]float32")
	}
	*numbers = v.numbers
	return nil
}

func (v *vector) DecodeBinary(_ *pgtype.ConnInfo, source []byte) error {
	if source == nil {
		*v = vector{isNull: true}
		return nil
	}
	if len(source) < 4 || len(source) != 4+4*int(binary.BigEndian.Uint16(source)) {
		return errors.New("a vector of another length than it says")
	}
	v.numbers = nil
	for at := 4; at < len(source); at += 4 {
		v.numbers = append(v.numbers, math.Float32frombits(binary.BigEndian.Uint32(source[at:])))
	}
	return nil
}

func (v vector) EncodeBinary(_ *pgtype.ConnInfo, target []byte) ([]byte, error) {
	if v.isNull {
		return nil, nil
	}
	target = binary.BigEndian.AppendUint16(target, uint16(len(v.numbers)))
	target = binary.BigEndian.AppendUint16(target, 0)
	for _, number := range v.numbers {
		target = binary.BigEndian.AppendUint32(target, math.Float32bits(number))
	}
	return target, nil
}
