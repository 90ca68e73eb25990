/**
 * A resolver that answers by arithmetic for any number of domains (mail-domains.ts) and calls everything validated: what our own side of a
 * discovery costs. Prints its port: `node dns-process.ts`, or `node dns-process.ts policies` where every domain has an MTA-STS record. UDP alone.
 */
import { createSocket } from "node:dgram";
import { CLASS_IN, decodeMessage, encodeResponse, RCODE, TYPE_CODE } from "../../src/parts/dns/codec.ts";
import type { DnsRecord, Question } from "../../src/parts/dns/codec.ts";
import { addressOf, ZONE } from "./mail-domains.ts";

const RDATA = Buffer.concat([Buffer.of(3, 1, 1), Buffer.alloc(32, 0xab)]);
const hasPolicies = process.argv[2] === "policies";
const DOMAIN = new RegExp(`(?:^|\\.)d([0-9]{1,8})\\.${ZONE}$`);

function answersTo({ name, type }: Question, number: number): readonly DnsRecord[] {
  const [label] = name.split(".");
  if (type === TYPE_CODE.MX && label === `d${number}`)
    return [{ type: "MX", name, preference: 10, exchange: `mx.${name}` }];
  if (type === TYPE_CODE.A && label === "mx") return [{ type: "A", name, address: addressOf(number) }];
  if (type === TYPE_CODE.A && label === "mta-sts") return [{ type: "A", name, address: "127.0.0.1" }];
  if (type === TYPE_CODE.TLSA && label === "_25") return [{ type: "TLSA", name, rdata: RDATA }];
  const isRecord = type === TYPE_CODE.TXT && label === "_mta-sts" && hasPolicies;
  return isRecord ? [{ type: "TXT", name, strings: ["v=STSv1; id=1;"] }] : [];
}

const socket = createSocket("udp4");
socket.on("message", (bytes, peer) => {
  const query = decodeMessage(bytes);
  const question = query?.questions[0];
  if (query === null || question === undefined || question.class !== CLASS_IN) return;
  const number = DOMAIN.exec(question.name)?.[1];
  const response = encodeResponse({
    id: query.id,
    question,
    rcode: number === undefined ? RCODE.nxDomain : RCODE.noError,
    isTruncated: false,
    isAuthenticated: true,
    answers: number === undefined ? [] : answersTo(question, Number(number)),
    extendedErrors: [],
    withEdns: true,
  });
  socket.send(response, peer.port, peer.address);
});
socket.bind(0, "127.0.0.1", () => console.log(JSON.stringify({ port: socket.address().port })));
