// A command-line `solc` over the npm compiler, for the tools that expect the native binary: forge, py-solc-x and
// ape. Speaks --version, --help, --standard-json and --combined-json; anything else is refused.
// Installed next to node_modules by scripts/setup_node.sh, so `require('solc')` finds the pinned compiler.
'use strict'

const fs = require('node:fs')
const path = require('node:path')
const solc = require('solc')

const HELP = `solc, the Solidity commandline compiler (npm build).
Usage: solc [options] [input_file...]
  --help, --version
  --standard-json [file]     read a standard JSON input from the file or standard input
  --combined-json KINDS      comma separated: abi,asm,ast,bin,bin-runtime,devdoc,hashes,metadata,srcmap,
                             srcmap-runtime,storage-layout,userdoc,opcodes
  --base-path DIR  --include-path DIR  --allow-paths DIR,...
  --optimize  --optimize-runs N  --evm-version NAME  --via-ir  [prefix=target ...]  [-] [--]
`

/** The standard JSON output behind each kind of --combined-json. */
const OUTPUTS = {
  abi: ['abi', (c) => c.abi],
  asm: ['evm.legacyAssembly', (c) => c.evm.legacyAssembly],
  bin: ['evm.bytecode.object', (c) => c.evm.bytecode.object],
  'bin-runtime': ['evm.deployedBytecode.object', (c) => c.evm.deployedBytecode.object],
  devdoc: ['devdoc', (c) => c.devdoc],
  hashes: ['evm.methodIdentifiers', (c) => c.evm.methodIdentifiers],
  metadata: ['metadata', (c) => c.metadata],
  opcodes: ['evm.bytecode.opcodes', (c) => c.evm.bytecode.opcodes],
  srcmap: ['evm.bytecode.sourceMap', (c) => c.evm.bytecode.sourceMap],
  'srcmap-runtime': ['evm.deployedBytecode.sourceMap', (c) => c.evm.deployedBytecode.sourceMap],
  'storage-layout': ['storageLayout', (c) => c.storageLayout],
  userdoc: ['userdoc', (c) => c.userdoc],
}

/** Stops with the message on standard error and exit status 1. */
function fail(message) {
  process.stderr.write(`solc: ${message}\n`)
  process.exit(1)
}

/** Takes the arguments, gives the options, the remappings and the input files. */
function parse(argv) {
  const options = { includePaths: [], remappings: [], files: [], runs: 200 }
  const rest = [...argv]
  const value = (flag) => rest.shift() ?? fail(`${flag} needs a value`)
  while (rest.length > 0) {
    const arg = rest.shift()
    if (arg === '--standard-json') options.standardJson = rest.length > 0 && !rest[0].startsWith('--') ? rest.shift() : '-'
    else if (arg === '--combined-json') options.combinedJson = value(arg).split(',')
    else if (arg === '--base-path') options.basePath = value(arg)
    else if (arg === '--include-path') options.includePaths.push(value(arg))
    else if (arg === '--allow-paths') options.allowPaths = value(arg).split(',').filter((entry) => entry !== '')
    else if (arg === '--evm-version') options.evmVersion = value(arg)
    else if (arg === '--optimize-runs') options.runs = Number(value(arg))
    else if (arg === '--optimize') options.optimize = true
    else if (arg === '--via-ir') options.viaIR = true
    else if (arg === '--help' || arg === '--version') options[arg.slice(2)] = true
    else if (arg === '--') options.files.push(...rest.splice(0))
    else if (arg === '-') options.files.push('-')
    else if (arg.startsWith('-')) fail(`unknown option ${arg}`)
    else if (arg.includes('=')) options.remappings.push(arg)
    else options.files.push(arg)
  }
  return options
}

const readInput = (name) => fs.readFileSync(name === '-' ? 0 : name, 'utf8')

/** The directories imports may be read from, with links resolved. */
function allowedRoots(options) {
  const named = [options.basePath ?? '.', ...options.includePaths, ...(options.allowPaths ?? [])]
  return named.filter((dir) => fs.existsSync(dir)).map((dir) => fs.realpathSync(dir))
}

/** The import callback: base path, then include paths, never outside the allowed directories. */
function importReader(options) {
  const roots = allowedRoots(options)
  const inside = (file) => roots.some((root) => file === root || file.startsWith(root + path.sep))
  return (name) => {
    for (const dir of [options.basePath ?? '.', ...options.includePaths]) {
      const candidate = path.resolve(dir, name)
      if (!fs.existsSync(candidate)) continue
      const file = fs.realpathSync(candidate)
      return inside(file) ? { contents: fs.readFileSync(file, 'utf8') } : { error: `File outside of allowed directories: ${name}` }
    }
    return { error: `File not found: ${name}` }
  }
}

const compile = (input, options) => solc.compile(JSON.stringify(input), { import: importReader(options) })

/** The standard JSON input that a --combined-json call stands for. */
function combinedInput(options) {
  const kinds = options.combinedJson.filter((kind) => kind !== 'ast')
  const unknown = kinds.find((kind) => !(kind in OUTPUTS))
  if (unknown !== undefined) fail(`unknown --combined-json kind ${unknown}`)
  const base = options.basePath ?? '.'
  const unit = (file) => (file === '-' ? '<stdin>' : path.isAbsolute(file) && options.basePath ? path.relative(base, file) : file)
  const sources = Object.fromEntries(options.files.map((file) => [unit(file), { content: readInput(file) }]))
  const settings = {
    remappings: options.remappings,
    optimizer: { enabled: options.optimize === true, runs: options.runs },
    outputSelection: { '*': { '*': kinds.map((kind) => OUTPUTS[kind][0]), '': ['ast'] } },
  }
  if (options.evmVersion) settings.evmVersion = options.evmVersion
  if (options.viaIR) settings.viaIR = true
  return { language: 'Solidity', sources, settings }
}

/** Prints one --combined-json answer; compiler errors go to standard error with exit status 1. */
function runCombined(options) {
  const output = JSON.parse(compile(combinedInput(options), options))
  const problems = output.errors ?? []
  problems.forEach((problem) => process.stderr.write(problem.formattedMessage))
  if (problems.some((problem) => problem.severity === 'error')) process.exit(1)
  const kinds = options.combinedJson.filter((kind) => kind !== 'ast')
  const contracts = {}
  for (const [file, named] of Object.entries(output.contracts ?? {})) {
    for (const [name, contract] of Object.entries(named)) {
      contracts[`${file}:${name}`] = Object.fromEntries(kinds.map((kind) => [kind, OUTPUTS[kind][1](contract)]))
    }
  }
  const sources = Object.fromEntries(Object.entries(output.sources ?? {}).map(([file, source]) => [file, { AST: source.ast }]))
  const version = solc.version()
  process.stdout.write(JSON.stringify({ contracts, sources, version, sourceList: Object.keys(sources) }))
}

function main(argv) {
  const options = parse(argv)
  if (options.help) process.stdout.write(HELP)
  else if (options.version) process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`)
  else if (options.standardJson) process.stdout.write(compile(JSON.parse(readInput(options.standardJson)), options))
  else if (options.combinedJson) runCombined(options)
  else fail('one of --standard-json, --combined-json, --version, --help is needed')
}

main(process.argv.slice(2))
