//! Where a guest spends its cycles and its prover gas: `profile ELF WITNESS` prints a line for each call stack,
//! `outermost;...;innermost`, then cycles, and gas for instructions, for memory and for precompiles.
//!
//! The guest holds nothing for it. SP1's gas meter is stepped from outside, and each step is charged to the function,
//! inlined or not, that the ELF's line tables name for the program counter.
//!
//! Memory is what the first access to a word costs, and what a call of a precompile sends. The meter notes an access one
//! instruction late, which may charge it to the function that follows.

use addr2line::{gimli, Context};
use elf::endian::LittleEndian;
use elf::ElfBytes;
use sp1_core_executor::{
    CycleResult, GasEstimatingVM, Instruction, MinimalExecutor, Opcode, Program, Register, RiscvAirId,
    SP1CoreOpts, SupervisorMode, SyscallCode,
};
use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::fs;
use std::ops::AddAssign;
use std::sync::Arc;

type Meter<'a> = GasEstimatingVM<'a, SupervisorMode>;
type Symbols<'a> = Context<gimli::EndianSlice<'a, gimli::LittleEndian>>;
type Failure = Box<dyn Error>;

/// Gas is (3 x trace area + complexity) / 191. Until it is printed, all is counted in 191ths.
const PARTS: f64 = 191.0;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().collect();
    let [_, elf, witness] = &arguments[..] else { return Err("usage: profile ELF WITNESS".into()) };
    let elf = fs::read(elf)?;
    let profile = run(Arc::new(Program::from(&elf)?), &fs::read(witness)?)?;
    profile.print(&symbols(&elf)?);
    Ok(())
}

fn symbols(elf: &[u8]) -> Result<Symbols<'_>, Failure> {
    let file = ElfBytes::<LittleEndian>::minimal_parse(elf)?;
    let dwarf = gimli::Dwarf::load(|section| {
        let header = file.section_header_by_name(section.name())?;
        let data = header.map(|header| file.section_data(&header)).transpose()?;
        Ok::<_, elf::ParseError>(gimli::EndianSlice::new(
            data.map_or(&[], |(data, _)| data),
            gimli::LittleEndian,
        ))
    })?;
    Ok(Context::from_dwarf(dwarf)?)
}

fn run(program: Arc<Program>, witness: &[u8]) -> Result<Profile, Failure> {
    let options = SP1CoreOpts::default();
    let chunk_size = Some(options.gas_trace_chunk_threshold);
    let mut executor = MinimalExecutor::<SupervisorMode>::new(program.clone(), false, chunk_size);
    executor.with_input(witness);
    let mut profile = Profile::default();
    let mut metered = 0;
    while let Some(chunk) = executor.execute_chunk() {
        let mut meter = Meter::new(&chunk, program.clone(), Default::default(), options.clone());
        let prices = Prices::of(&mut meter);
        while !step(&mut meter, &prices, &mut profile)? {}
        metered += parts(meter.gas_calculator.get_costs());
    }
    if executor.exit_code() != 0 {
        return Err(format!("the guest ended with exit code {}", executor.exit_code()).into());
    }
    let profiled: u64 = profile.costs.values().map(Cost::gas).sum();
    if profiled != metered {
        return Err(format!("the meter counted {metered} and the profile {profiled}").into());
    }
    Ok(profile)
}

/// Executes one instruction as the meter does by itself, and notes what it cost. Says whether it was the last.
fn step(meter: &mut Meter, prices: &Prices, profile: &mut Profile) -> Result<bool, Failure> {
    let pc = meter.core.pc();
    let instruction = meter.core.fetch();
    let code = (instruction.opcode == Opcode::ECALL).then(|| meter.core.read_code());
    let before = prices.memory(meter);
    execute(meter, &instruction)?;
    *profile.costs.entry((profile.call, pc)).or_default() += Cost {
        cycles: 1,
        instructions: prices.opcode[&instruction.opcode],
        memory: prices.memory(meter) - before,
        precompiles: code.and_then(|code| prices.syscall.get(&code).copied()).unwrap_or_default(),
    };
    let more = matches!(meter.core.advance(), CycleResult::Done(false));
    profile.follow(&instruction, pc, meter.core.pc());
    Ok(!more)
}

fn execute(meter: &mut Meter, instruction: &Instruction) -> Result<(), Failure> {
    use Opcode::*;
    match instruction.opcode {
        LB | LBU | LH | LHU | LW | LWU | LD => meter.execute_load(instruction)?,
        SB | SH | SW | SD => meter.execute_store(instruction)?,
        JAL | JALR => meter.execute_jump(instruction),
        BEQ | BNE | BLT | BGE | BLTU | BGEU => meter.execute_branch(instruction),
        LUI | AUIPC => meter.execute_utype(instruction),
        ECALL => meter.execute_ecall(instruction)?,
        EBREAK | UNIMP => return Err("the guest met an instruction that it cannot execute".into()),
        _ => meter.execute_alu(instruction),
    }
    Ok(())
}

fn parts((complexity, area): (u64, u64)) -> u64 {
    3 * area + complexity
}

/// What one of each thing that the meter counts adds.
struct Prices {
    opcode: HashMap<Opcode, u64>,
    syscall: HashMap<SyscallCode, u64>,
    /// Of rows that come with accesses to memory and with the clock.
    chip: Vec<(RiscvAirId, u64)>,
}

impl Prices {
    /// Learned from a meter that has counted nothing yet.
    fn of(meter: &mut Meter) -> Self {
        let counts = &mut meter.gas_calculator;
        let mut prices = Prices { opcode: HashMap::new(), syscall: HashMap::new(), chip: Vec::new() };
        let opcodes = counts.opcode_counts.map(|opcode, _| opcode).into_values();
        for opcode in opcodes.filter(|opcode| !matches!(opcode, Opcode::EBREAK | Opcode::UNIMP)) {
            counts.opcode_counts[opcode] = 1;
            prices.opcode.insert(opcode, parts(counts.get_costs()));
            counts.opcode_counts[opcode] = 0;
        }
        for code in counts.syscall_counts.map(|code, _| code).into_values() {
            counts.syscall_counts[code] = code.as_air_id().map_or(0, |chip| chip.rows_per_event() as u64);
            prices.syscall.insert(code, parts(counts.get_costs()));
            counts.syscall_counts[code] = 0;
        }
        use RiscvAirId::{Global, MemoryBump, MemoryLocal, StateBump, SyscallCore};
        for chip in [Global, MemoryBump, MemoryLocal, StateBump, SyscallCore] {
            counts.system_chips_counts[chip] = 1;
            prices.chip.push((chip, parts(counts.get_costs())));
            counts.system_chips_counts[chip] = 0;
        }
        prices
    }

    fn memory(&self, meter: &Meter) -> u64 {
        let counts = &meter.gas_calculator.system_chips_counts;
        self.chip.iter().map(|(chip, price)| counts[*chip] * price).sum()
    }
}

#[derive(Clone, Copy, Default)]
struct Cost {
    cycles: u64,
    instructions: u64,
    memory: u64,
    precompiles: u64,
}

impl Cost {
    fn gas(&self) -> u64 {
        self.instructions + self.memory + self.precompiles
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.cycles += other.cycles;
        self.instructions += other.instructions;
        self.memory += other.memory;
        self.precompiles += other.precompiles;
    }
}

/// The call that is running: its index in [`Profile::calls`] plus one, 0 for the entry point.
type Call = usize;

#[derive(Default)]
struct Profile {
    /// The caller of each distinct call, and the address that it was made from.
    calls: Vec<(Call, u64)>,
    known: HashMap<(Call, u64), Call>,
    call: Call,
    /// Callers that wait, with the address to return to.
    waiting: Vec<(Call, u64)>,
    costs: HashMap<(Call, u64), Cost>,
}

impl Profile {
    /// Keeps the call stack. A jump that neither links nor returns stays in the same call.
    fn follow(&mut self, instruction: &Instruction, pc: u64, next: u64) {
        const LINK: u64 = Register::X1 as u64;
        match (instruction.opcode, u64::from(instruction.op_a), instruction.op_b) {
            (Opcode::JAL | Opcode::JALR, LINK, _) => {
                self.waiting.push((self.call, pc + 4));
                self.call = self.enter(pc);
            }
            (Opcode::JALR, 0, LINK) => {
                if let Some(depth) = self.waiting.iter().rposition(|(_, address)| *address == next) {
                    self.call = self.waiting[depth].0;
                    self.waiting.truncate(depth);
                }
            }
            _ => {}
        }
    }

    /// The call made from `site`: a recursive one is the same as the first.
    fn enter(&mut self, site: u64) -> Call {
        if let Some(call) = self.known.get(&(self.call, site)) {
            return *call;
        }
        let recursive = self.sites(self.call).find(|(_, from)| *from == site).map(|(call, _)| call);
        let call = recursive.unwrap_or_else(|| {
            self.calls.push((self.call, site));
            self.calls.len()
        });
        self.known.insert((self.call, site), call);
        call
    }

    /// A call and those around it, with where each was made from.
    fn sites(&self, call: Call) -> impl Iterator<Item = (Call, u64)> + '_ {
        let mut next = call;
        std::iter::from_fn(move || {
            let call = next;
            let (caller, site) = *self.calls.get(call.checked_sub(1)?)?;
            next = caller;
            Some((call, site))
        })
    }

    fn print(&self, symbols: &Symbols) {
        let mut names: HashMap<u64, String> = HashMap::new();
        let mut stacks: HashMap<String, Cost> = HashMap::new();
        for ((call, pc), cost) in &self.costs {
            let mut addresses: Vec<u64> = self.sites(*call).map(|(_, site)| site).collect();
            addresses.reverse();
            addresses.push(*pc);
            let frames = addresses.into_iter().map(|address| {
                names.entry(address).or_insert_with(|| functions_at(symbols, address)).clone()
            });
            *stacks.entry(frames.collect::<Vec<_>>().join(";")).or_default() += *cost;
        }
        for (stack, cost) in stacks {
            let gas = [cost.instructions, cost.memory, cost.precompiles].map(|part| part as f64 / PARTS);
            println!("{stack}\t{}\t{:.2}\t{:.2}\t{:.2}", cost.cycles, gas[0], gas[1], gas[2]);
        }
    }
}

/// The function at an address and those that it was inlined into, the outermost first.
fn functions_at(symbols: &Symbols, address: u64) -> String {
    let mut names = Vec::new();
    if let Ok(mut frames) = symbols.find_frames(address).skip_all_loads() {
        while let Ok(Some(frame)) = frames.next() {
            let function = frame.function.as_ref().and_then(|function| function.demangle().ok());
            let file = frame.location.and_then(|location| location.file).unwrap_or("?");
            let name = format!("{}::{}", module(file), function.as_deref().unwrap_or("?"));
            names.push(name.replace(';', ","));
        }
    }
    if names.is_empty() {
        return "?".into();
    }
    names.reverse();
    names.join(";")
}

/// The core's `trie.rs` is `trie`, another crate's is `crate/trie`: line tables name functions without their modules.
fn module(file: &str) -> String {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    let Some((folder, path)) = path.rsplit_once("/src/") else { return path.into() };
    match folder.rsplit_once('/') {
        Some((workspace, name)) if !workspace.ends_with("sp1_program") => format!("{name}/{path}"),
        _ => path.into(),
    }
}
