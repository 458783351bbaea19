package main

// #cgo CFLAGS: -O2
import "C" // compiles inverse.c

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/consensys/gnark-crypto/ecc"
	"github.com/consensys/gnark/backend/groth16"
	"github.com/consensys/gnark/backend/solidity"
	"github.com/consensys/gnark/constraint"
	"github.com/consensys/gnark/frontend"
	"github.com/consensys/gnark/frontend/cs/r1cs"
	"github.com/rs/zerolog"
	"github.com/succinctlabs/sp1-recursion-gnark/sp1"

	gnarklog "github.com/consensys/gnark/logger"
)

const (
	constraintsFile  = "constraints.json"
	templateFile     = "template.json"
	circuitFile      = "circuit.bin"
	provingKeyFile   = "proving_key.bin"
	verifyingKeyFile = "verifying_key.bin"
	contractFile     = "Groth16Verifier.sol"

	pragma     = "0.8.37"
	bufferSize = 1 << 20
)

// folder holds all files of one circuit.
type folder string

func (f folder) path(name string) string { return filepath.Join(string(f), name) }

// prepare tells SP1's circuit, through its two environment variables, where its operations are and that the proof
// system is Groth16 (range checks without commitments), and keeps gnark's log off standard output.
func (f folder) prepare() error {
	gnarklog.Set(zerolog.New(zerolog.ConsoleWriter{Out: os.Stderr, NoColor: true, TimeFormat: time.TimeOnly}).
		With().Timestamp().Logger())
	if err := os.Setenv("CONSTRAINTS_JSON", f.path(constraintsFile)); err != nil {
		return err
	}
	return os.Setenv("GROTH16", "1")
}

func (f folder) compile() error {
	if err := f.prepare(); err != nil {
		return err
	}
	template, err := readWitness(f.path(templateFile))
	if err != nil {
		return err
	}
	circuit := sp1.NewCircuit(template)
	system, err := frontend.Compile(ecc.BN254.ScalarField(), r1cs.NewBuilder, &circuit)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	say("%d constraints", system.GetNbConstraints())
	return writeFile(f.path(circuitFile), func(w io.Writer) error {
		_, err := system.WriteTo(w)
		return err
	})
}

func (f folder) setup() error {
	if err := f.prepare(); err != nil {
		return err
	}
	system, err := f.readCircuit()
	if err != nil {
		return err
	}
	pk, vk, err := groth16.Setup(system)
	if err != nil {
		return fmt.Errorf("set-up: %w", err)
	}
	say("keys made")
	if err := writeFile(f.path(provingKeyFile), func(w io.Writer) error { return pk.WriteDump(w) }); err != nil {
		return err
	}
	return writeFile(f.path(verifyingKeyFile), func(w io.Writer) error {
		_, err := vk.WriteTo(w)
		return err
	})
}

func (f folder) exportVerifier() error {
	vk, err := f.readVerifyingKey()
	if err != nil {
		return err
	}
	var source bytes.Buffer
	if err := vk.ExportSolidity(&source, solidity.WithPragmaVersion(pragma)); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	named := bytes.Replace(source.Bytes(), []byte("contract Verifier {"), []byte("contract Groth16Verifier {"), 1)
	return writeFile(f.path(contractFile), func(w io.Writer) error {
		_, err := w.Write(append(bytes.TrimSpace(named), '\n'))
		return err
	})
}

func (f folder) prove(witnessPath, output string) error {
	if err := f.prepare(); err != nil {
		return err
	}
	input, err := readWitness(witnessPath)
	if err != nil {
		return err
	}
	vk, err := f.readVerifyingKey()
	if err != nil {
		return err
	}
	system, err := f.readCircuit()
	if err != nil {
		return err
	}
	pk := groth16.NewProvingKey(ecc.BN254)
	if err := readFile(f.path(provingKeyFile), func(r io.Reader) error { return pk.ReadDump(r) }); err != nil {
		return err
	}
	say("proving key read")
	assignment := sp1.NewCircuit(input)
	witness, err := frontend.NewWitness(&assignment, ecc.BN254.ScalarField())
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	proof, err := groth16.Prove(system, pk, witness)
	if err != nil {
		return fmt.Errorf("prove: %w", err)
	}
	public, err := witness.Public()
	if err != nil {
		return fmt.Errorf("public inputs: %w", err)
	}
	if err := groth16.Verify(proof, vk, public); err != nil {
		return fmt.Errorf("the proof that was just made is not valid: %w", err)
	}
	say("proof made and verified")
	return writeFile(output, func(w io.Writer) error {
		return json.NewEncoder(w).Encode(encode(&proof, input))
	})
}

// encodedProof is what Rust reads: `encoded` is exit code, root of the verifying keys, nonce and the eight field
// elements of the proof, as SP1's verifier contract takes them after the selector.
type encodedProof struct {
	PublicInputs [5]string `json:"public_inputs"`
	Encoded      string    `json:"encoded"`
}

func encode(proof *groth16.Proof, input sp1.WitnessInput) encodedProof {
	result := sp1.NewSP1Groth16Proof(proof, input)
	return encodedProof{PublicInputs: result.PublicInputs, Encoded: result.EncodedProof}
}

func (f folder) readCircuit() (constraint.ConstraintSystem, error) {
	system := groth16.NewCS(ecc.BN254)
	err := readFile(f.path(circuitFile), func(r io.Reader) error {
		_, err := system.ReadFrom(r)
		return err
	})
	say("constraint system read")
	return system, err
}

func (f folder) readVerifyingKey() (groth16.VerifyingKey, error) {
	vk := groth16.NewVerifyingKey(ecc.BN254)
	return vk, readFile(f.path(verifyingKeyFile), func(r io.Reader) error {
		_, err := vk.ReadFrom(r)
		return err
	})
}

func readWitness(path string) (sp1.WitnessInput, error) {
	var witness sp1.WitnessInput
	return witness, readFile(path, func(r io.Reader) error { return json.NewDecoder(r).Decode(&witness) })
}

func readFile(path string, read func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := read(bufio.NewReaderSize(file, bufferSize)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// writeFile leaves the file at path only when all of it is on disk, so that whoever finds it may rely on it.
func writeFile(path string, write func(io.Writer) error) error {
	partial := path + ".partial"
	file, err := os.Create(partial)
	if err != nil {
		return err
	}
	defer file.Close()
	buffered := bufio.NewWriterSize(file, bufferSize)
	if err := write(buffered); err != nil {
		return fmt.Errorf("%s: %w", partial, err)
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return os.Rename(partial, path)
}

func say(format string, values ...any) {
	fmt.Fprintf(os.Stderr, "zkclob-groth16: "+format+"\n", values...)
}
