// Trades on a ZKCLOB exchange with viem. One file to read from top to bottom:
//
//   npm install && npm run build
//   npm run check                          signs every message of the signing vectors and compares
//   ZKCLOB_KEY=0x… npm run order -- http://127.0.0.1:8080 1 buy 0.25 2500.5
//
// docs/signing.md explains the messages, docs/api.md the requests.

import { readFileSync } from "node:fs";
import { type Address, concatHex, encodePacked, hashTypedData, type Hex, parseUnits } from "viem";
import { type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";

// --- what is signed ---------------------------------------------------------------------------------------

const head = [
  { name: "account", type: "address" },
  { name: "signer", type: "address" },
  { name: "nonce", type: "uint64" },
  { name: "deadline", type: "uint64" },
] as const;

const types = {
  PlaceOrder: [
    ...head,
    { name: "market", type: "uint32" },
    { name: "side", type: "uint8" },
    { name: "timeInForce", type: "uint8" },
    { name: "selfTrade", type: "uint8" },
    { name: "price", type: "uint64" },
    { name: "size", type: "uint64" },
    { name: "clientOrderId", type: "uint128" },
  ],
  CancelOrder: [...head, { name: "orderId", type: "bytes24" }],
  Batch: [...head, { name: "actions", type: "bytes" }],
} as const;

const SIDES = ["buy", "sell"];
const TIMES_IN_FORCE = ["GTC", "GTT", "IOC", "FOK", "POST_ONLY", "POST_ONLY_GTT"];
const SELF_TRADES = ["cancel_taker", "cancel_maker", "cancel_both", "decrement_both"];

/** The EIP-712 domain, as `GET /v1/info` has it. */
interface Domain {
  name: string;
  version: string;
  chainId: number;
  verifyingContract: Address;
}

/** The first four fields of every message. */
interface Head {
  account: Address;
  signer: Address;
  nonce: bigint;
  deadline: bigint;
}

/** `price` in ticks, `size` in lots; the enumerations are indices of the lists above. */
interface Order {
  market: number;
  side: number;
  timeInForce: number;
  selfTrade: number;
  price: bigint;
  size: bigint;
  clientOrderId: bigint;
}

class Trader {
  constructor(
    readonly wallet: PrivateKeyAccount,
    readonly domain: Domain,
  ) {}

  signOrder(head: Head, order: Order): Promise<Hex> {
    const message = { ...head, ...order };
    return this.wallet.signTypedData({ domain: this.domain, types, primaryType: "PlaceOrder", message });
  }

  signCancel(head: Head, orderId: Hex): Promise<Hex> {
    const message = { ...head, orderId };
    return this.wallet.signTypedData({ domain: this.domain, types, primaryType: "CancelOrder", message });
  }

  signBatch(head: Head, actions: Hex[]): Promise<Hex> {
    const message = { ...head, actions: concatHex(actions) };
    return this.wallet.signTypedData({ domain: this.domain, types, primaryType: "Batch", message });
  }
}

// --- actions of a batch: the kind, then the fields after the first four, nothing between them ---------------------

function placeAction(order: Order): Hex {
  return encodePacked(
    ["uint8", "uint32", "uint8", "uint8", "uint8", "uint64", "uint64", "uint128"],
    [0x01, order.market, order.side, order.timeInForce, order.selfTrade, order.price, order.size, order.clientOrderId],
  );
}

function cancelAction(orderId: Hex): Hex {
  return encodePacked(["uint8", "bytes24"], [0x02, orderId]);
}

function cancelClientAction(clientOrderId: bigint): Hex {
  return encodePacked(["uint8", "uint128"], [0x03, clientOrderId]);
}

function cancelAllAction(market: number): Hex {
  return encodePacked(["uint8", "uint32"], [0x04, market]);
}

type Replacement = Omit<Order, "market" | "side"> & { orderId: Hex; expectedSize: bigint };

function replaceAction(to: Replacement): Hex {
  return encodePacked(
    ["uint8", "bytes24", "uint8", "uint8", "uint64", "uint64", "uint64", "uint128"],
    [0x05, to.orderId, to.timeInForce, to.selfTrade, to.price, to.size, to.expectedSize, to.clientOrderId],
  );
}

// --- the check: the same signatures as in the signing vectors -------------------------------------------------------

interface TypedData {
  types: Record<string, { name: string; type: string }[]>;
  primaryType: string;
  domain: Domain;
  message: Record<string, string | number>;
}

interface Action {
  type: string;
  fields: Record<string, string | number>;
  encoded: Hex;
}

interface Case {
  name: string;
  key: string;
  typed_data: TypedData;
  digest: Hex;
  signature: Hex;
  actions?: Action[];
}

interface Vectors {
  keys: Record<string, { private_key: Hex }>;
  domain: Domain;
  cases: Case[];
}

async function check(path: string): Promise<void> {
  const vectors: Vectors = JSON.parse(readFileSync(path, "utf8"));
  const traders = new Map(
    Object.entries(vectors.keys).map(([name, key]) => [
      name,
      new Trader(privateKeyToAccount(key.private_key), vectors.domain),
    ]),
  );
  let written = 0;
  for (const found of vectors.cases) {
    const trader = traders.get(found.key)!;
    const typedData = withIntegers(found.typed_data);
    requireSame(`digest of ${found.name}`, hashTypedData(typedData), found.digest);
    requireSame(`signature of ${found.name}`, await trader.wallet.signTypedData(typedData), found.signature);
    const own = await signHere(trader, found, typedData.message);
    if (own !== undefined) {
      requireSame(`own signature of ${found.name}`, own, found.signature);
      written += 1;
    }
  }
  console.log(`${vectors.cases.length} messages signed, ${written} of them built here: all as in ${path}`);
}

/** Orders, cancels and batches a second time, with the types and the encoding of this file. */
async function signHere(trader: Trader, found: Case, message: any): Promise<Hex | undefined> {
  switch (found.typed_data.primaryType) {
    case "PlaceOrder":
      return trader.signOrder(message, message);
    case "CancelOrder":
      return trader.signCancel(message, message.orderId);
    case "Batch":
      return trader.signBatch(message, found.actions!.map(encodedHere));
    default:
      return undefined;
  }
}

function encodedHere(action: Action): Hex {
  const fields: any = Object.fromEntries(
    Object.entries(action.fields).map(([name, value]) => [name, isDecimal(value) ? BigInt(value) : value]),
  );
  switch (action.type) {
    case "PlaceOrder":
      return placeAction(fields);
    case "CancelOrder":
      return cancelAction(fields.orderId);
    case "CancelClientOrder":
      return cancelClientAction(fields.clientOrderId);
    case "CancelAll":
      return cancelAllAction(fields.market);
    case "ReplaceOrder":
      return replaceAction(fields);
    default:
      throw new Error(`a batch cannot hold a ${action.type}`);
  }
}

/** The file has integers that JavaScript could round as strings; viem takes them as bigint. */
function withIntegers(data: TypedData): any {
  const message = Object.fromEntries(
    Object.entries(data.message).map(([name, value]) => [name, isDecimal(value) ? BigInt(value) : value]),
  );
  return { ...data, message };
}

function isDecimal(value: string | number): value is string {
  return typeof value === "string" && !value.startsWith("0x");
}

function requireSame(what: string, found: Hex, expected: Hex): void {
  if (found !== expected) throw new Error(`${what} is ${found}, expected ${expected}`);
}

// --- an order over HTTP ---------------------------------------------------------------------------------------------

interface Market {
  id: number;
  symbol: string;
  tickSize: string;
  lotSize: string;
}

/** Signs and sends an order that rests until it is cancelled; `size` and `price` are decimals in whole tokens. */
async function order(url: string, market: number, side: string, size: string, price: string): Promise<void> {
  const key = process.env.ZKCLOB_KEY as Hex | undefined;
  if (!key) throw new Error("put the private key, 0x and 64 digits, into ZKCLOB_KEY");
  const info = await get<{ domain: Domain; time: number }>(`${url}/v1/info`);
  const trader = new Trader(privateKeyToAccount(key), info.domain);
  const terms = (await get<Market[]>(`${url}/v1/markets`)).find((listed) => listed.id === market);
  if (!terms) throw new Error(`${url} lists no market ${market}`);

  const account = trader.wallet.address;
  const head: Head = {
    account,
    signer: account,
    nonce: await nextNonce(url, account),
    deadline: BigInt(info.time) + 60n,
  };
  const [timeInForce, selfTrade] = ["GTC", "cancel_taker"];
  const signature = await trader.signOrder(head, {
    market,
    side: indexIn(SIDES, side),
    timeInForce: indexIn(TIMES_IN_FORCE, timeInForce),
    selfTrade: indexIn(SELF_TRADES, selfTrade),
    price: steps(price, terms.tickSize),
    size: steps(size, terms.lotSize),
    clientOrderId: 0n,
  });
  // the same in words: integers of 64 bits as strings, price and size in decimals
  const words = { ...head, nonce: String(head.nonce), deadline: String(head.deadline) };
  const body = { ...words, market, side, timeInForce, selfTrade, price, size, signature };
  console.log(JSON.stringify(await post(`${url}/v1/orders`, body), null, 1));
}

/** The lowest number above all that were used in lane 0. */
async function nextNonce(url: string, account: Address): Promise<bigint> {
  const { nonces } = await get<{ nonces: { lane: number; next: string }[] }>(`${url}/v1/accounts/${account}`);
  return BigInt(nonces.find(({ lane }) => lane === 0)?.next ?? "0");
}

/** A decimal as a whole number of steps: a price in ticks, a size in lots. */
function steps(value: string, step: string): bigint {
  const [whole, unit] = [parseUnits(value, 36), parseUnits(step, 36)];
  if (whole % unit !== 0n) throw new Error(`${value} is no multiple of ${step}`);
  return whole / unit;
}

function indexIn(names: string[], name: string): number {
  const index = names.indexOf(name);
  if (index < 0) throw new Error(`${name} is none of ${names.join(", ")}`);
  return index;
}

async function get<T>(url: string): Promise<T> {
  return answer(await fetch(url));
}

async function post<T>(url: string, body: object): Promise<T> {
  return answer(await fetch(url, { method: "POST", body: JSON.stringify(body) }));
}

/** The body of an answer; an error of the API has a code and a message that say what to do. */
async function answer<T>(response: Response): Promise<T> {
  const body = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${body.code}: ${body.message} ${JSON.stringify(body.details)}`);
  return body;
}

// --- command --------------------------------------------------------------------------------------------------------

async function main([command, ...args]: string[]): Promise<void> {
  const [first, market, side, size, price] = args;
  if (command === "check" && first) return check(first);
  if (command === "order" && first && side && size && price) return order(first, Number(market), side, size, price);
  throw new Error("usage: check FILE | order URL MARKET buy|sell SIZE PRICE");
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
