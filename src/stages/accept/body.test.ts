import { once } from "node:events";
import * as fc from "fast-check";
import { SMTPStream } from "smtp-server/lib/smtp-stream.js";
import { afterEach, describe, expect, test } from "vitest";
import { closeAll, listen } from "./accept.suite.ts";
import { DotFilter } from "./dot-filter.ts";
import { NewlineFilter } from "./newline-filter.ts";

afterEach(closeAll);

const OPEN = ["EHLO me.test", "MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>"] as const;
const LINE_MAX = 1_000;

/** Bytes that decide something, and a few that do not. */
const bytes = fc
  .array(fc.constantFrom("\r\n", "\r", "\n", ".", "..", "\r\n.\r\n", "\0", "a", "bc", "ü"), { maxLength: 30 })
  .map((words) => Buffer.from(words.join("")));
const cuts = fc.array(fc.nat(60), { maxLength: 8 });

function cutAt(whole: Buffer, at: readonly number[]): Buffer[] {
  const borders = [0, ...at.filter((cut) => cut <= whole.length), whole.length].sort((a, b) => a - b);
  return borders.slice(1).map((border, n) => whole.subarray(borders[n], border));
}

function undot(chunks: readonly Buffer[]): { text: string; consumed: number; ended: boolean; defect: string | null } {
  const filter = new DotFilter(LINE_MAX);
  const out: Buffer[] = [];
  let consumed = 0;
  let ended = false;
  for (const chunk of chunks) {
    if (ended) break;
    const step = filter.push(chunk);
    out.push(...step.segments);
    consumed += step.consumed;
    ended = step.ended;
  }
  const { defect } = filter;
  return { text: defect === null ? Buffer.concat(out).toString("latin1") : "", consumed, ended, defect };
}

function normalise(chunks: readonly Buffer[]): { text: string; changed: boolean; defect: string | null } {
  const filter = new NewlineFilter(LINE_MAX);
  const out = [...chunks.flatMap((chunk) => filter.push(chunk)), ...filter.end()];
  const { defect } = filter;
  return { text: defect === null ? Buffer.concat(out).toString("latin1") : "", changed: filter.hasNormalised, defect };
}

describe("the DATA filter", () => {
  test("finds the same end, text and defect wherever the bytes are cut", () => {
    fc.assert(
      fc.property(bytes, cuts, (whole, at) => {
        expect(undot(cutAt(whole, at))).toEqual(undot([whole]));
      }),
      { numRuns: 2_000 },
    );
  });

  test("agrees with a plain reading of RFC 5321 section 4.5.2", () => {
    fc.assert(
      fc.property(bytes, (whole) => {
        const text = whole.toString("latin1");
        const end = `\r\n${text}`.indexOf("\r\n.\r\n");
        const result = undot([whole]);
        expect(result.ended).toBe(end !== -1);
        fc.pre(end !== -1);
        expect(result.consumed).toBe(end + 3);
        const content = text.slice(0, end);
        const isCanonical = !/\0|\r(?!\n)|(?<!\r)\n/.test(content);
        expect(result.defect === null).toBe(isCanonical);
        expect(result.text).toBe(isCanonical ? content.replace(/(^|\r\n)\./g, "$1") : "");
      }),
      { numRuns: 2_000 },
    );
  });

  test("reads back what a sender stuffed", () => {
    const line = fc.string({ unit: fc.constantFrom(".", "a", " "), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), cuts, (lines, at) => {
        const text = lines.map((words) => `${words}\r\n`).join("");
        const sent = `${text.replace(/^\./gm, "..")}.\r\nQUIT\r\n`;
        const result = undot(cutAt(Buffer.from(sent), at));
        expect(result).toEqual({ text, consumed: sent.length - 6, ended: true, defect: null });
      }),
    );
  });
});

describe("beside smtp-server, as a second reading", () => {
  const readBySmtpServer = async (chunks: readonly Buffer[]): Promise<string> => {
    const parser = new SMTPStream({});
    parser.oncommand = (_command: Buffer, done?: () => void) => done?.();
    const data = parser.startDataMode();
    const out: Buffer[] = [];
    data.on("data", (piece: Buffer) => out.push(piece));
    for (const chunk of chunks) parser.write(chunk);
    await once(data, "end");
    return Buffer.concat(out).toString("latin1");
  };

  test("canonical mail is the same text, wherever it is cut", async () => {
    const line = fc.string({ unit: fc.constantFrom(".", "a", " "), maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.array(line, { maxLength: 6 }), cuts, async (lines, at) => {
        const sent = cutAt(
          Buffer.from(`${lines.map((words) => `${words.replace(/^\./, "..")}\r\n`).join("")}.\r\n`),
          at,
        );
        expect(undot(sent).text).toBe(await readBySmtpServer(sent));
      }),
    );
  });
});

describe("the BDAT filter", () => {
  test("gives the same text wherever the chunks are cut", () => {
    fc.assert(
      fc.property(bytes, cuts, (whole, at) => {
        expect(normalise(cutAt(whole, at))).toEqual(normalise([whole]));
      }),
      { numRuns: 2_000 },
    );
  });

  test("gives canonical lines, and says whether it changed any", () => {
    fc.assert(
      fc.property(bytes, (whole) => {
        const text = whole.toString("latin1");
        const expected = text.replace(/\r\n|\r|\n/g, "\r\n").replace(/([^\n])$/, "$1\r\n");
        const hasNul = text.includes("\0");
        expect(normalise([whole])).toEqual({
          text: hasNul ? "" : expected,
          changed: expected !== text,
          defect: hasNul ? "nul" : null,
        });
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("smuggling", () => {
  const SMUGGLED = "MAIL FROM:<evil@b.test>\r\nRCPT TO:<victim@d.test>\r\nDATA\r\nX: y\r\n\r\nsmuggled";
  const ENDS: readonly (readonly [string, string])[] = [
    ["LF . LF", "\n.\n"],
    ["LF . CRLF", "\n.\r\n"],
    ["CRLF . LF", "\r\n.\n"],
    ["CR . CR", "\r.\r"],
    ["CR . CRLF", "\r.\r\n"],
    ["CRLF . CR", "\r\n.\r"],
    ["CR CRLF . CRLF less its CR", "\r\r\n.\n"],
    ["CRLF NUL . CRLF", "\r\n\0.\r\n"],
    ["CRLF . NUL CRLF", "\r\n.\0\r\n"],
    ["NUL LF . LF", "\0\n.\n"],
    ["CRLF .. LF", "\r\n..\n"],
  ];

  test.each(ENDS)("%s does not end DATA, wherever it is cut, and the message is refused", async (_, end) => {
    const { dial, spool } = await listen();
    const attack = `A: b\r\n\r\nfirst${end}${SMUGGLED}`;
    const from = attack.indexOf(end);
    for (let cut = from; cut <= from + end.length; cut++) {
      const dialog = await dial();
      await dialog.sayAll(...OPEN, "DATA");
      dialog.send(attack.slice(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      dialog.send(`${attack.slice(cut)}\r\n.\r\n`);
      expect(await dialog.reply()).toMatch(/^550 5\.(?:5\.2|6\.0) /);
      expect(await dialog.say("NOOP")).toBe("250 2.0.0 OK");
      dialog.destroy();
    }
    expect(spool.submissions).toEqual([]);
  });

  const inTwoChunks = async (attack: string): Promise<{ messages: string[]; replies: string[]; flagged: boolean }> => {
    const { dial, spool, log } = await listen();
    const replies: string[] = [];
    for (let cut = 0; cut <= attack.length; cut += cut > 12 && cut < 24 ? 1 : 7) {
      const dialog = await dial();
      await dialog.sayAll(...OPEN);
      dialog.send(`BDAT ${cut}\r\n${attack.slice(0, cut)}BDAT ${attack.length - cut} LAST\r\n${attack.slice(cut)}`);
      const both = [await dialog.reply(), await dialog.reply()];
      replies.push(both.find((reply) => !reply.startsWith("250")) ?? "250");
      dialog.destroy();
    }
    const messages = spool.submissions.map((submission) => spool.bodyOf(submission).toString("latin1"));
    return { messages, replies, flagged: log.some(({ event }) => event === "accept_newlines_normalised") };
  };

  const inBody = (end: string): string => `A: b\r\n\r\nfirst${end}${SMUGGLED}\r\n`;

  test.each(ENDS.filter(([, end]) => !end.includes("\0")))(
    "%s inside BDAT is content, in canonical lines",
    async (_, end) => {
      const { messages, flagged } = await inTwoChunks(inBody(end));
      expect(messages.length).toBeGreaterThan(20);
      expect(new Set(messages)).toEqual(new Set([inBody(end).replace(/\r\n|\r|\n/g, "\r\n")]));
      expect(flagged).toBe(true);
    },
  );

  test.each(ENDS.filter(([, end]) => end.includes("\0")))("%s inside BDAT is refused", async (_, end) => {
    const { messages, replies } = await inTwoChunks(inBody(end));
    expect(messages).toEqual([]);
    expect(new Set(replies)).toEqual(new Set(["550 5.6.0 The message holds a NUL byte"]));
  });
});

describe("BDAT", () => {
  const chunk = (text: string, last = ""): string => `BDAT ${Buffer.byteLength(text)}${last}\r\n${text}`;

  test("lines that have to be rewritten one by one reach the spool together", async () => {
    const { dial, spool } = await listen();
    let writes = 0;
    spool.onWrite = async () => void writes++;
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    dialog.send(chunk("\n".repeat(20_000), " LAST"));
    expect(await dialog.reply()).toMatch(/^250/);
    expect(writes).toBeLessThan(200);
    expect(spool.message).toBe("\r\n".repeat(20_000));
  });

  test("takes several chunks and an empty LAST, and what was pipelined behind it", async () => {
    const { dial, spool, log } = await listen();
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    dialog.send(`${chunk("A: b\r\n")}${chunk("\r\n.\r\n..x\r\n")}BDAT 0 LAST\r\n${OPEN[1]}\r\nQUIT\r\n`);
    expect(await dialog.reply()).toBe("250 2.0.0 6 octets received");
    expect(await dialog.reply()).toBe("250 2.0.0 10 octets received");
    expect(await dialog.reply()).toMatch(/^250 2\.0\.0 queued as/);
    expect(await dialog.reply()).toMatch(/^250 2\.1\.0/);
    expect(await dialog.reply()).toMatch(/^221/);
    expect(spool.message).toBe("A: b\r\n\r\n.\r\n..x\r\n");
    expect(log.some(({ event }) => event === "accept_newlines_normalised")).toBe(false);
  });

  test("after a failed RCPT swallows its chunk instead of executing it", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.say("EHLO me.test");
    dialog.send(`${OPEN[1]}\r\nRCPT TO:<bad>\r\n${chunk("QUIT\r\nRSET\r\n")}${chunk("QUIT\r\n", " LAST")}NOOP\r\n`);
    const replies = [];
    for (let n = 0; n < 5; n++) replies.push((await dialog.reply()).slice(0, 9));
    expect(replies).toEqual(["250 2.1.0", "501 5.1.3", "554 5.5.1", "554 5.5.1", "250 2.0.0"]);
    expect(spool.opened).toBe(0);
  });

  test("counts its size over all chunks, and swallows the one that is too much", async () => {
    const { dial, spool } = await listen({ limits: { messageBytesMax: 20 } });
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    dialog.send(`${chunk("A: b\r\n\r\nxxxx")}${chunk("QUIT\r\nQUIT\r\nQU")}${chunk("IT\r\n", " LAST")}NOOP\r\n`);
    expect(await dialog.reply()).toMatch(/^250 2\.0\.0 12 octets/);
    expect(await dialog.reply()).toBe("552 5.3.4 Message too large");
    expect(await dialog.reply()).toBe("503 5.5.1 No transaction for this data");
    expect(await dialog.reply()).toBe("250 2.0.0 OK");
    expect(spool.aborted).toHaveLength(1);
  });

  test("announcing more than any message may have is refused at once and ends the session", async () => {
    const { dial } = await listen({ limits: { messageBytesMax: 1_000 } });
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    expect(await dialog.say("BDAT 1001 LAST")).toBe("552 5.3.4 Message too large");
    expect(await dialog.reply()).toBe("closed");
  });

  test("is dropped by RSET, which leaves the way free for DATA", async () => {
    const { dial, spool } = await listen();
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    dialog.send(chunk("A: b\r\n"));
    await dialog.reply();
    expect(await dialog.sayAll("RSET", OPEN[1], OPEN[2], "DATA")).toMatch(/^354/);
    expect(await dialog.say("C: d\r\n.")).toMatch(/^250/);
    expect(spool.message).toBe("C: d\r\n");
    expect(spool.aborted).toHaveLength(1);
  });

  test("checks hops and its own marker like DATA", async () => {
    const { dial } = await listen();
    const dialog = await dial();
    await dialog.sayAll(...OPEN);
    dialog.send(chunk("X-Postern-Loop: gw-one\r\n\r\n", " LAST"));
    expect(await dialog.reply()).toMatch(/^554 5\.4\.6/);
  });
});
