// A week in the life of some volunteers who mend an old telephone exchange: what a fresh server has to scroll through.
import type { Message } from './contract.ts'

const minuteMs = 60_000
const dayMs = 24 * 60 * minuteMs

/** A line is `day time name: text`, the day counted back from today, or `-minutes name: text` counted back from now. */
const said: Readonly<Record<string, string>> = {
  lobby: `
6 09:04 Ines: Morning all. Keys are with me today, ring the side bell.
6 09:11 Tomasz: In at ten. Bringing the good soldering iron.
6 09:12 Owen: Can somebody let the lift company in at 11? I'm at the dentist until noon.
6 09:15 Ines: I'll be there.
6 12:40 Owen: Back, numb, hungry.
6 12:41 Priya: Soup on the stove in the back kitchen. Lentil. Straw not supplied.
6 16:58 Ines: Lift man says the door sensor is fine and the door is not. New door in three weeks.
6 17:02 Margit: Then the tour goes up the stairs until December. I'll change the leaflet.
5 10:20 Priya: A school has asked for Thursday the 26th: 24 children, eleven years old. Anyone?
5 10:26 Sam: Me. Eleven is the best age for it, they all want to dial.
5 10:27 Tomasz: And they all hold the dial on the way back.
5 10:27 Sam: Everybody holds the dial on the way back. You did too.
5 10:31 Priya: Booked. Sam in front, Tomasz beside the rack so that nobody feeds it a pencil.
5 15:44 Owen: Heating is at 19 now. It took the manual, a torch and some language.
5 15:50 Ines: The relays thank you.
4 08:51 Ines: Not coming in today, sick child. Keys are in the box, code as usual.
4 08:53 Margit: Get well soon, small person.
4 11:30 Sam: A lady brought her grandfather's lineman's belt, with a photograph of him wearing it. She'd like to lend us both.
4 11:32 Margit: Please take her number before she changes her mind!
4 11:40 Sam: I have number, belt, photograph and half a cake.
4 11:41 Priya: Half?
4 11:42 Sam: It was a whole one when she came in.
3 09:30 Tomasz: Is anybody near the hardware shop? Need M3 washers, the brass ones. Two bags.
3 09:38 Owen: Passing it in ten minutes.
3 10:05 Owen: Brass is out until Monday. Took one bag of steel in case.
3 10:06 Tomasz: Steel is fine for the frame. Thanks.
3 14:12 Priya: Ticket numbers for October: 412. September was 287.
3 14:13 Margit: That will be the newspaper. I'll send them a card.
3 14:20 Sam: Send them the card with the switchboard girls. Everybody likes that one.
2 09:00 Ines: I'm back. Child is well, I have the cold.
2 09:07 Priya: There's ginger in the kitchen. Stay away from the microphones.
2 13:15 Owen: Fire inspection went through. One remark: the cable drum must not stand in the corridor.
2 13:16 Tomasz: The cable drum is the only thing that keeps the corridor door open.
2 13:18 Owen: That was remark two.
2 17:45 Margit: The photograph has gone up by the stairs. Come and look, it's lovely there.
1 09:10 Sam: Children in 40 minutes. Coffee first.
1 12:20 Sam: 24 in, 24 out, one pencil removed from the rack.
1 12:21 Tomasz: I looked away for four seconds.
1 12:25 Sam: A girl asked where the calls are when nobody is talking. I had no answer and have been happy ever since.
1 12:31 Priya: That goes on the wall.
1 16:02 Ines: Who has the second set of keys?
1 16:09 Owen: My other coat. Sorry. Tomorrow.
-96 Ines: Morning. Ten of us on the list for Sunday, two more would be good.
-93 Priya: I'll ask the two students who were here in spring.
-90 Owen: Keys are back on the hook. Both sets.
-58 Margit: Leaflets are here! 500, and the lift is spelled right this time.
-55 Tomasz: Is it out of order in it, too?
-54 Margit: In two languages.
-21 Priya: Both students can come. They'd like to be near the rack.
-20 Tomasz: Good taste.
-16 Sam: Could one of them do the dial desk with me from two to four?
-12 Priya: Asked. Yes.`,
  workshop: `
6 10:30 Tomasz: Rack 3, selector 14 sticks on level 7. Same as in March.
6 10:34 Ines: Same contact?
6 10:52 Tomasz: Same contact. Cleaned it, works, don't trust it.
6 14:05 Owen: Replace the spring set? We have two left from the Linz lot.
6 14:09 Tomasz: Let's wait. If it comes back a third time it gets a new one.
5 11:10 Ines: Ringing generator hums at 50 Hz where it should say 25. I think one half of the divider is gone.
5 11:31 Tomasz: Measured: 50 in, 50 out. You're right.
5 11:33 Ines: I'd have liked to be wrong. The spare is in the cellar behind the crates.
5 16:20 Ines: It's in. 25 Hz, and the bells sound like bells again.
4 10:02 Tomasz: Sorted the drawer with the small screws. By thread, then by length. Please.
4 10:03 Owen: I feel addressed.
4 13:48 Tomasz: Selector 14 did 2 000 calls from the tester without a fault.
4 13:50 Owen: It hears that you are watching.
3 10:40 Owen: Oil for the rotary switches: two drops a year, not two a month. I found a puddle.
3 10:44 Tomasz: That was me, in summer. I had misread the card.
3 15:00 Ines: Line tester draws 80 mA with nothing connected. Normal?
3 15:03 Tomasz: Normal is 12.
3 15:30 Ines: Moth. An actual moth, between contacts 3 and 4.
3 15:31 Owen: Tape it into the book.
2 10:15 Tomasz: Who needs the oscilloscope this week? I'd take it home for the weekend.
2 10:17 Ines: I do, Friday until noon. After that it's yours.
2 16:40 Ines: Rack 2 runs on the new rectifier since 14:00. 48.2 V, steady, 31 degrees.
1 09:48 Tomasz: Selector 14, level 7. Third time. It gets the new spring set.
1 11:20 Tomasz: Done. Took an hour, half of it looking for the spring I had in my hand.
1 14:33 Owen: The pencil left graphite on bank 5. Cleaned with alcohol, measured, no path left.
-75 Ines: 31 degrees this morning too. I'd leave rack 2 on over Sunday.
-71 Tomasz: Agreed. I'll look at it on Saturday evening, I'm in town anyway.
-33 Tomasz: 5 000 calls on selector 14 since yesterday. No faults. I begin to trust it.`,
  'open-day': `
5 18:00 Margit: Plan for Sunday: doors at 11, tours on the hour, last one at 16:00. Twelve people a tour, not more.
5 18:09 Sam: Dial desk all day, next to the entrance? Then those who wait have something to do.
5 18:10 Margit: Very good.
4 09:20 Priya: Tea and cake: who bakes? I'm down for the plum one.
4 09:25 Owen: Bread. I can't do cake. I can do bread.
4 09:31 Ines: Two trays of the apple one.
3 19:12 Sam: Can we let visitors call each other between the two halls? Number cards by each phone, 10 lines.
3 19:20 Tomasz: Twelve, if nobody touches rack 1.
3 19:21 Sam: I'll put a rope round rack 1.
2 18:30 Margit: The newspaper comes at 13:00, with a photographer. Somebody presentable, please.
2 18:32 Tomasz: Not me, I'm behind the rack.
2 18:32 Ines: Not me, I'm a cold.
2 18:35 Priya: Sam, then. He has been happy since Thursday anyway.
1 17:20 Priya: 96 of 120 places are taken.
-44 Owen: Number cards are printed. 21 to 32, with the little bell on them.
-9 Sam: They look wonderful. Rope is up as well.`,
  notices: `
6 08:30 Margit: The lift is out of order until December. Tours take the stairs; there is a chair on each landing.
4 12:15 Margit: On loan from the Halloran family: a lineman's belt, about 1931, and the photograph that goes with it.
2 13:30 Margit: The corridor to the workshop has to stay clear, by order of the fire inspector. That includes the cable drum.
-50 Margit: Sunday the 29th is open day. Helpers meet at 10:15 in the kitchen. Please wear the badge, and shoes you can stand in.`,
}

const form = /^(?:(?<day>\d+) (?<hour>\d\d):(?<minute>\d\d)|-(?<ago>\d+)) (?<from>\w+): (?<text>.+)$/

/** Ids don't change from start to start, so a page that was open meanwhile shows nothing twice. */
export function seed(now: Date): Message[] {
  return Object.entries(said).flatMap(([room, lines]) =>
    lines
      .trim()
      .split('\n')
      .map((line, index) => {
        const { day, hour, minute, ago, from = '', text = '' } = form.exec(line)?.groups ?? {}
        const at =
          ago === undefined
            ? new Date(now.getTime() - Number(day) * dayMs).setHours(Number(hour), Number(minute), index % 60, 0)
            : now.getTime() - Number(ago) * minuteMs
        return { id: `${room}-${index}`, room, from, text, at: new Date(at) }
      }),
  )
}
