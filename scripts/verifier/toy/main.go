// Command toy makes a proof in the format of SP1's Groth16 proofs, of a circuit that proves nothing, under keys of its
// own: what tests need to see a verifier accept and refuse in seconds and without SP1.
//
// Usage: toy <folder>: writes fixture.json, verifier.json and Groth16Verifier.sol
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
)

const (
	program      = "a toy circuit"
	publicValues = "public values that nothing computed"
	exitCode     = 0
	nonce        = 3
)

// The toy's vkey and vk root: any field elements do.
var (
	vkey   = sha256.Sum256([]byte("no program"))
	vkRoot = sha256.Sum256([]byte("no recursion programs"))
)

// circuit has the public inputs of SP1's circuit in their order.
type circuit struct {
	VKey, Digest, ExitCode, VKRoot, Nonce frontend.Variable `gnark:",public"`
	Product, Sum                          frontend.Variable
}

func (c *circuit) Define(api frontend.API) error {
	api.AssertIsEqual(c.Product, api.Mul(c.VKey, c.Digest))
	api.AssertIsEqual(c.Sum, api.Mul(api.Add(c.ExitCode, c.VKRoot, c.Nonce), c.Product))
	return nil
}

// masked gives the number without its three highest bits, so that it fits the field.
func masked(digest [32]byte) *big.Int {
	digest[0] &= 0x1f
	return new(big.Int).SetBytes(digest[:])
}

func assignment() *circuit {
	key, digest, root := masked(vkey), masked(sha256.Sum256([]byte(publicValues))), masked(vkRoot)
	product := new(big.Int).Mul(key, digest)
	sum := new(big.Int).Add(root, big.NewInt(exitCode+nonce))
	return &circuit{
		VKey: key, Digest: digest, ExitCode: exitCode, VKRoot: root, Nonce: nonce,
		Product: product, Sum: sum.Mul(sum, product),
	}
}

// word gives the number as 32 bytes.
func word(number *big.Int) []byte { return number.FillBytes(make([]byte, 32)) }

func hexadecimal(b []byte) string { return "0x" + hex.EncodeToString(b) }

// prove sets the toy up; gives the hash of its verifying key, the source of its contract and the points of its proof.
func prove() (hash [32]byte, source, points []byte, err error) {
	compiled, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &circuit{})
	if err != nil {
		return
	}
	pk, vk, err := groth16.Setup(compiled)
	if err != nil {
		return
	}
	witness, err := frontend.NewWitness(assignment(), ecc.BN254.ScalarField())
	if err != nil {
		return
	}
	proof, err := groth16.Prove(compiled, pk, witness)
	if err != nil {
		return
	}
	var key, exported bytes.Buffer
	if _, err = vk.WriteTo(&key); err != nil {
		return
	}
	if err = vk.ExportSolidity(&exported); err != nil {
		return
	}
	solidityProof, ok := proof.(interface{ MarshalSolidity() []byte })
	if !ok {
		err = fmt.Errorf("this gnark marshals no proofs for Solidity")
		return
	}
	return sha256.Sum256(key.Bytes()), exported.Bytes(), solidityProof.MarshalSolidity(), nil
}

func write(folder, name string, content any) error {
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, name), append(text, '\n'), 0o644)
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return fmt.Errorf("usage: toy <folder>")
	}
	folder := arguments[0]
	hash, source, points, err := prove()
	if err != nil {
		return err
	}
	root := word(masked(vkRoot))
	parts := [][]byte{hash[:4], word(big.NewInt(exitCode)), root, word(big.NewInt(nonce)), points[:256]}
	if err := os.WriteFile(filepath.Join(folder, "Groth16Verifier.sol"), source, 0o644); err != nil {
		return err
	}
	keys := map[string]string{
		"verifier_hash": hexadecimal(hash[:]), "vk_root": hexadecimal(root),
		"sp1_version": "6.10.0", "circuit_version": "v6.1.0",
	}
	if err := write(folder, "verifier.json", keys); err != nil {
		return err
	}
	return write(folder, "fixture.json", map[string]any{
		"verifier_kind": "local", "program": program, "guest_sha256": nil,
		"vkey":          hexadecimal(word(masked(vkey))),
		"public_values": hexadecimal([]byte(publicValues)),
		"proof":         hexadecimal(bytes.Join(parts, nil)),
	})
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "toy:", err)
		os.Exit(1)
	}
}
