import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mail, World } from "../support/world.ts";

let world: World;

beforeAll(async () => {
  world = await World.start({
    zone: {
      "verified.test": { MX: [[10, "mx.verified.test"]] },
      "plain.test": { MX: [[10, "mx.plain.test"]] },
    },
    servers: [
      { name: "mx.verified.test", address: "127.0.0.2", certificate: "valid" },
      { name: "mx.plain.test", address: "127.0.0.3", certificate: "none" },
    ],
  });
});
afterAll(() => world.close());

describe("one message, two recipients", () => {
  test("clean mail is delivered to both, each by the best its side offers", async () => {
    const id = await world.accept({
      mailFrom: "nurse@clinic.test",
      rcptTo: ["a@verified.test", "b@plain.test"],
      bytes: mail(["From: nurse@clinic.test", "To: a@verified.test", "Subject: Lunch", "", "See you at noon."]),
    });
    const recipients = await world.settled(id, ["delivered"]);
    expect(recipients.map(({ state }) => state)).toEqual(["delivered", "delivered"]);
    const [secure] = await world.arrived("mx.verified.test", 1);
    const [clear] = await world.arrived("mx.plain.test", 1);
    expect(secure?.tls).toBe("TLSv1.3");
    expect(clear?.tls).toBeNull();
  });

  test("a message with PHI reaches the verified side and is held for the other", async () => {
    const id = await world.accept({
      mailFrom: "nurse@clinic.test",
      rcptTo: ["a@verified.test", "b@plain.test"],
      bytes: mail([
        "From: nurse@clinic.test",
        "To: a@verified.test",
        "Subject: Results",
        "",
        "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.",
        "He takes metformin; his hemoglobin A1c is 9.1.",
      ]),
    });
    const recipients = await world.settled(id, ["delivered", "held"]);
    expect(recipients.map(({ state, lastCode }) => [state, lastCode])).toEqual([
      ["delivered", null],
      ["held", "PST-DEC-001"],
    ]);
    expect(world.server("mx.plain.test").allSeen.toString("latin1")).not.toContain("219-09-9997");
  });
});
