/** The program that reads pictures, as the operator would name it, under real bubblewrap. */
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { PictureProgram } from "./picture-program.ts";
import type { PictureProgramOptions } from "./picture-program.ts";
import { pngOf } from "./picture.samples.ts";
import { pixelsOf } from "./picture-size.ts";

const needed = peers("tesseract");
const TESSERACT: PictureProgramOptions = {
  command: ["/usr/bin/tesseract", "-", "-", "-l", "eng"],
  dataDir: "/usr/share/tesseract-ocr/5/tessdata",
  timeMsMax: 20_000,
  memoryBytesMax: 1024 * 1024 * 1024,
  pixelsMax: 1_000_000,
  processesMax: 1,
};
const read = (picture: Buffer, options: Partial<PictureProgramOptions> = {}) =>
  new PictureProgram({ ...TESSERACT, ...options }).read(picture);
/** What a shell in the place of the program says. */
const shell = (script: string) => read(pngOf("A"), { command: ["/usr/bin/bash", "-c", `cat >/dev/null; ${script}`] });

describe.skipIf(needed.areMissing)(`Tesseract under bubblewrap${needed.note}`, () => {
  test("reads what a picture says", async () => {
    expect(await read(pngOf("DIABETES"))).toEqual({ text: expect.stringContaining("DIABETES"), end: null });
  });

  test("many at once wait for one another", async () => {
    const program = new PictureProgram(TESSERACT);
    const results = await Promise.all(Array.from({ length: 4 }, () => program.read(pngOf("DIABETES"))));
    expect(results.map(({ end }) => end)).toEqual([null, null, null, null]);
  });

  test.each<[string, Buffer, Partial<PictureProgramOptions>, string]>([
    ["a picture without a word", pngOf("   "), {}, "no_text"],
    ["more pixels than are worth it", pngOf("DIABETES"), { pixelsMax: 1_000 }, "size"],
    ["no picture", Buffer.alloc(1_000, 7), {}, "size"],
    ["a damaged picture", pngOf("DIABETES").subarray(0, 200), {}, "failed"],
    [
      "a language without data",
      pngOf("DIABETES"),
      { command: ["/usr/bin/tesseract", "-", "-", "-l", "xyz"] },
      "failed",
    ],
    ["too little memory", pngOf("DIABETES"), { memoryBytesMax: 20_000_000 }, "failed"],
    ["a program that never ends", pngOf("DIABETES"), { command: ["/usr/bin/sleep", "1000"], timeMsMax: 300 }, "time"],
    ["a program that never stops talking", pngOf("A"), { command: ["/usr/bin/yes", "word"] }, "failed"],
    ["a program that is not there", pngOf("A"), { command: ["/usr/bin/no-such-program"] }, "failed"],
  ])("%s is not read", async (_, picture, options, end) => {
    expect(await read(picture, options)).toEqual({ text: null, end });
  });

  test("it sees nothing but /usr, its data and an empty /tmp", async () => {
    const { text } = await shell("echo folders / *; echo /*; ls -A /tmp /data/nothing 2>/dev/null | wc -l");
    expect(text?.split("\n")[1]).toBe("/bin /data /dev /lib /lib64 /tmp /usr");
  });

  test("it has no network, no environment, no rights, and can write nowhere else", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const tries = [
      `(exec 3<>/dev/tcp/127.0.0.1/${port}) 2>/dev/null && echo connected`,
      "env | grep -vE '^(PATH|OMP_THREAD_LIMIT|TESSDATA_PREFIX|PWD|SHLVL|_|OLDPWD)='",
      "touch /usr/x /data/x 2>/dev/null && echo written",
      "kill -0 $PPID 2>/dev/null; test -e /proc/1 && echo processes",
      "prlimit --fsize=unlimited 2>/dev/null && echo unlimited",
      "echo ended",
    ];
    const { text } = await shell(tries.join("; "));
    server.close();
    expect(text).toBe("ended\n");
  });
});

describe("pixels are counted from the header", () => {
  const bytes = (hex: string): Buffer => Buffer.concat([Buffer.from(hex.replaceAll(" ", ""), "hex"), Buffer.alloc(64)]);
  test.each<[string, Buffer, number | null]>([
    ["PNG", pngOf("A"), 92 * 94],
    ["GIF", bytes("474946383961 0a00 1400"), 200],
    ["BMP", bytes("424d 00000000 00000000 36000000 28000000 0a000000 ecffffff"), 200],
    ["JPEG", bytes("ffd8 ffe0 0004 0000 ffc0 0011 08 0014 000a"), 200],
    ["PNM", Buffer.from(`P5\n10 20\n255\n${" ".repeat(64)}`), 200],
    ["TIFF", bytes("4949 2a00 08000000 0200 0001 0300 01000000 0a000000 0101 0300 01000000 14000000 00000000"), 200],
    ["TIFF of several pages", bytes("4949 2a00 08000000 0100 0001 0300 01000000 0a000000 ff000000"), null],
    ["WebP", bytes("52494646 00000000 57454250 56503858 0a000000 00000000 090000 130000"), 200],
    ["HEIF", bytes("00000018 66747970 68656963"), null],
    ["nothing", Buffer.alloc(0), null],
  ])("%s", (_, picture, pixels) => {
    expect(pixelsOf(picture)).toBe(pixels);
  });
});
