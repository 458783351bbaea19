package main

import (
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/succinctlabs/sp1-recursion-gnark/sp1/koalabear"
)

var modulus = big.NewInt(2130706433)

func random(source *rand.Rand) []*big.Int {
	element := make([]*big.Int, 4)
	for i := range element {
		element[i] = big.NewInt(source.Int64N(modulus.Int64()))
	}
	return element
}

// product multiplies in the extension by x^4 = 3.
func product(a, b []*big.Int) []int64 {
	sums := make([]*big.Int, 4)
	for i := range sums {
		sums[i] = new(big.Int)
	}
	for i := range a {
		for j := range b {
			term := new(big.Int).Mul(a[i], b[j])
			if i+j >= 4 {
				term.Mul(term, big.NewInt(3))
			}
			sums[(i+j)%4].Add(sums[(i+j)%4], term)
		}
	}
	result := make([]int64, 4)
	for i, sum := range sums {
		result[i] = sum.Mod(sum, modulus).Int64()
	}
	return result
}

func TestHintsAreInverses(t *testing.T) {
	source := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		element := random(source)
		inverse := []*big.Int{new(big.Int), new(big.Int), new(big.Int), new(big.Int)}
		if err := koalabear.InvEHint(nil, element, inverse); err != nil {
			t.Fatal(err)
		}
		if got := product(element, inverse); got[0] != 1 || got[1] != 0 || got[2] != 0 || got[3] != 0 {
			t.Fatalf("%v times %v is %v", element, inverse, got)
		}
		if err := koalabear.InvFHint(nil, element[:1], inverse[:1]); err != nil {
			t.Fatal(err)
		}
		if got := new(big.Int).Mul(element[0], inverse[0]); got.Mod(got, modulus).Int64() != 1 {
			t.Fatalf("%v times %v is %v", element[0], inverse[0], got)
		}
	}
}
