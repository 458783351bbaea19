// Command verifier turns SP1's production Groth16 verifying key into the Solidity contract that checks its proofs.
//
// Usage: verifier <groth16_vk.bin> <Groth16Verifier.sol>
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/consensys/gnark/backend/groth16/bn254"
	"github.com/consensys/gnark/backend/solidity"
)

// The SHA-256 of SP1's v6.1.0 verifying key. Its first four bytes are the selector of every proof. Circuits before
// v6.1.0 are unsound (GHSA-63x8-x938-vx33), so no other key is ever accepted.
const verifierHash = "4388a21c687fdd5f218d7e3d13190cac4c5355818d3605fd5fb811df468ee696"

const pragma = "0.8.37"

// exportVerifier takes the bytes of a verifying key and gives the source of its contract, named Groth16Verifier.
func exportVerifier(key []byte) ([]byte, error) {
	hash := sha256.Sum256(key)
	if got := hex.EncodeToString(hash[:]); got != verifierHash {
		return nil, fmt.Errorf("verifying key has hash %s, want %s", got, verifierHash)
	}
	var vk groth16.VerifyingKey
	if _, err := vk.ReadFrom(bytes.NewReader(key)); err != nil {
		return nil, fmt.Errorf("read verifying key: %w", err)
	}
	var source bytes.Buffer
	if err := vk.ExportSolidity(&source, solidity.WithPragmaVersion(pragma)); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	named := bytes.Replace(source.Bytes(), []byte("contract Verifier {"), []byte("contract Groth16Verifier {"), 1)
	return append(bytes.TrimSpace(named), '\n'), nil
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: verifier <groth16_vk.bin> <Groth16Verifier.sol>")
	}
	key, err := os.ReadFile(arguments[0])
	if err != nil {
		return err
	}
	source, err := exportVerifier(key)
	if err != nil {
		return err
	}
	return os.WriteFile(arguments[1], source, 0o644)
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "verifier:", err)
		os.Exit(1)
	}
}
