// Command zkclob-groth16 turns SP1's wrapped proofs into Groth16 proofs, in stages that each fit 24 GB of memory.
//
// Every stage is a process of its own and leaves its results in the folder of the circuit, complete or not at all.
package main

import (
	"flag"
	"fmt"
	"os"
)

const usage = `Usage: zkclob-groth16 STAGE --dir DIR [--witness FILE --output FILE]

Stages:
  compile          constraints.json and template.json give circuit.bin, the constraint system
  setup            circuit.bin gives the keys proving_key.bin and verifying_key.bin (nobody but this machine
                   may trust them: whoever runs the set-up could forge proofs)
  export-verifier  verifying_key.bin gives Groth16Verifier.sol
  prove            turns --witness into a proof, checks it and writes it to --output as JSON

Options:
`

var stages = map[string]func(folder, string, string) error{
	"compile":         func(f folder, _, _ string) error { return f.compile() },
	"setup":           func(f folder, _, _ string) error { return f.setup() },
	"export-verifier": func(f folder, _, _ string) error { return f.exportVerifier() },
	"prove":           func(f folder, witness, output string) error { return f.prove(witness, output) },
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "zkclob-groth16:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("zkclob-groth16", flag.ExitOnError)
	dir := flags.String("dir", "", "folder of the circuit")
	witness := flags.String("witness", "", "witness of the wrapped proof (prove)")
	output := flags.String("output", "", "where the proof goes (prove)")
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
	}
	if len(arguments) == 0 || arguments[0] == "--help" || arguments[0] == "-h" {
		flags.Usage()
		return nil
	}
	stage, known := stages[arguments[0]]
	if !known {
		return fmt.Errorf("there is no stage %q; see --help", arguments[0])
	}
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	if *dir == "" {
		return fmt.Errorf("give --dir")
	}
	if arguments[0] == "prove" && (*witness == "" || *output == "") {
		return fmt.Errorf("give --witness and --output")
	}
	return stage(folder(*dir), *witness, *output)
}
