/** The plots of the built-in stories, in the notation of grammar.ts. Every sentence here was written for this file. */

/** A plot: its titles, then paragraphs of sentences, each with the ways to say it. */
export interface Plot {
  titles: readonly string[];
  paragraphs: readonly (readonly (readonly string[])[])[];
}

const MEETING = [
  "<opening>, <hero> <walked> to <place>.",
  "<opening>, <hero> set out for <place>, and <weather>.",
  "<hero> lived in <town> with <his> <creature>. <Opening>, <he> <walked> to <place>.",
  "<hero> was a <trade> from <town>. <Opening>, <he> <walked> to <place>.",
];
const ENDING = ["<ending>."];
const SKY = ["<weather>.", "<weather>, and <weather>.", "it was <sky>, and <weather>."];

export const PLOTS: readonly Plot[] = [
  {
    titles: ["The Lost <Treasure>", "<hero> and the <Treasure>", "Where is the <Treasure>?"],
    paragraphs: [
      [
        MEETING,
        [
          "there <he> saw that <his> <treasure> was gone.",
          "<he> wanted to show <his> <material> <treasure> to <friend>, but it was not in <his> bag.",
        ],
        ["<He> felt <low>.", "<he> looked <spot>, but found only a <colour> <things>.", "<his> heart sank."],
      ],
      [
        [
          '"Have you seen my <treasure>?" <asked> <hero>.',
          '"My <treasure> is lost," <said> <hero>. "It was a gift from my <elder>."',
        ],
        [
          '"No," <replied> <friend>, "but I will help you to look."',
          '"Let us look together," <replied> <friend>. "Four eyes see more than two."',
        ],
        ["they looked <spot>, and then <spot>.", "first they looked <spot>. Then they looked <spot>."],
      ],
      [
        [
          "at last <friend> found the <treasure> <spot>.",
          "a <creature> was sitting <spot>, and beside it lay the <treasure>.",
          "when the <time> bell rang, <hero> saw something shine <spot>. It was the <treasure>!",
        ],
        ['"<thanks>!" <replied> <hero>.', '"<thanks>," <replied> <hero>, and <he> was <mood> again.'],
        ENDING,
      ],
    ],
  },
  {
    titles: ["<Number> <Plural>", "<hero> Counts the <Plural>", "<Plural> for <friend>"],
    paragraphs: [
      [
        MEETING,
        [
          "<he> had <number> <plural> in <his> basket.",
          "<he> bought <number> <plural> from the <trade>.",
          "at <place> <he> found <number> <colour> <plural>.",
        ],
        SKY,
      ],
      [
        [
          'on the way <he> met <friend>. "<hello>, <hero>," <said> <friend>. "May I have some of your <plural>?"',
          '"What <fine> <plural>!" <said> <friend>. "I have none at all."',
        ],
        ['"<yes>," <replied> <hero>, and gave <fhim> <given>.', '"Take <given>," <replied> <hero>. "I have enough."'],
        [
          "now <hero> had <left> left.",
          "that left <left> for <hero>.",
          "so <given> went to <friend>, and <left> stayed.",
        ],
      ],
      [
        [
          "<friend> put <fhis> <given> <spot> to keep them safe.",
          '"<Number> is a good number," <said> <friend>, "but sharing is better."',
          "<friend> gave <hero> a cup of <food> in return.",
        ],
        ENDING,
      ],
    ],
  },
  {
    titles: ["The <Beast> of <town>", "<hero> Meets a <Beast>", "The <Small> <Beast>"],
    paragraphs: [
      [
        MEETING,
        ["a <small> <beast> was sitting <spot>.", "<he> heard a noise <spot>. It was a <small> <colour> <beast>."],
        [
          "the <beast> looked <low> and cold.",
          "the <beast> did not run away.",
          "it had hurt its foot and could not walk.",
        ],
      ],
      [
        [
          '"<hello>, <beast>," <said> <hero> <manner>. "Are you hungry?"',
          '"Do not be afraid," <said> <hero>. "I only want to help."',
        ],
        [
          "<he> gave it some <food>, and the <beast> ate <manner>.",
          "<he> put <his> coat around the <beast> and carried it to <friend>.",
        ],
        [
          '"It needs <food> and a warm place," <said> <friend>, who was a <trade>.',
          '"What shall we call it?" <asked> <friend>. "Let us call it <pet>," <replied> <hero>.',
        ],
      ],
      [
        [
          "after <number> days the <beast> was strong again.",
          "the next <time> the <beast> was gone, but a <colour> feather lay <spot>.",
          "soon the <beast> followed <hero> to <place> and back.",
        ],
        ENDING,
      ],
    ],
  },
  {
    titles: ["A Storm over <town>", "The Long Rain", "<hero> and the Storm"],
    paragraphs: [
      [
        [
          "in <season> a great storm came to <town>.",
          "<opening>, the sky over <town> turned <shade>, and the wind grew strong.",
        ],
        ["the <water> rose, and the <flyers> were gone.", "doors banged, and rain ran down the windows.", "<weather>."],
        [
          "<hero> was <low>, because <friend> was still at <place>.",
          "<hero> thought of <friend>, who was alone at <place>.",
        ],
      ],
      [
        [
          "<he> took <his> <material> <treasure> and <walked> out into the rain.",
          "<he> lit a lamp and <walked> to <place> <manner>.",
        ],
        ['"<friend>!" <hero> called. "Where are you?"', '"Is anybody there?" <asked> <hero>.'],
        ['"I am here, <spot>," <replied> <friend>.', '"Over here!" <replied> <friend>. "The door is stuck."'],
        ["together they pushed the door until it opened.", "<hero> held out <his> hand and pulled <fhim> up."],
      ],
      [
        ["at home they sat by the fire and ate <food>.", "the <trade> made them <food>, and they were warm again."],
        ["by <time> the storm was over, and <weather>.", '"You see," <said> <friend>, "<saying>."'],
        ENDING,
      ],
    ],
  },
  {
    titles: ["The <Seed>", "<hero> Plants a <Seed>", "A Garden in <town>"],
    paragraphs: [
      [
        ["<hero> planted a <seed> beside the house.", "<opening>, <hero> planted a <seed> <spot>."],
        ["every <time> <he> gave it water.", "<he> put <number> stones around it and waited."],
        ["nothing happened for <number> days.", "<number> weeks went by, and nothing came up."],
        ['"It will never grow," <said> <hero>, and <he> felt <low>.', '"Am I doing something wrong?" <asked> <hero>.'],
      ],
      [
        [
          '"Wait a little," <replied> <friend> the <trade>. "Remember, <saying>."',
          '<friend> looked at the ground <manner>. "Give it time," <fhe> <said>.',
        ],
        ["then came a warm rain, and <weather>.", "in <season> the days became longer, and <weather>."],
        ["one <time> there was a <small> green leaf.", "suddenly a <small> leaf looked out of the ground."],
      ],
      [
        ["by <season> the <seed> was taller than <hero>.", "soon the <seed> was the most <fine2> in <town>."],
        [
          '"<thanks>," <replied> <hero> to <friend>. "You were right."',
          "<hero> and <friend> sat beside it and ate <food>.",
        ],
        ENDING,
      ],
    ],
  },
  {
    titles: ["A Letter from <town>", "<hero> Goes to <town>", "The Road to <town>"],
    paragraphs: [
      [
        ["<opening>, a letter came for <hero>.", "the <trade> brought <hero> a letter in a <colour> envelope."],
        [
          '"Come to <town>," it said. "Bring your <treasure>. Your friend, <friend>."',
          '"Dear <hero>," wrote <friend>, "I have a <fine> <creature> and nobody to show it to. Please come."',
        ],
        ["<hero> packed some <food> and a <material> <object>.", "<he> had never been so far from home."],
      ],
      [
        [
          "<he> travelled for <number> days, first by boat and then on foot.",
          "the train went past <place2> and over the <water>.",
        ],
        SKY,
        ["on the road <he> met a <trade> with <number> <plural>.", "an old <trade> showed <him> the way to <place>."],
        [
          '"How far is it to <town>?" <asked> <hero>. "<Number> miles," <replied> the <trade>.',
          '"Go past <place>," <replied> the <trade>, "and turn at the <hill>."',
        ],
      ],
      [
        ["at last <he> saw the roofs of <town>.", "when <he> came over the <hill>, <town> lay below <him>."],
        [
          '"<hello>!" <said> <friend>. "I knew you would come."',
          '<friend> ran to meet <him>. "You are here!" <fhe> <said>.',
        ],
        ENDING,
      ],
    ],
  },
  {
    titles: ["The Great Race", "<hero> Against <friend>", "The Race to <place>"],
    paragraphs: [
      [
        ["every <season> there was a race in <town>.", "<opening>, everybody in <town> came to see the race."],
        [
          "<hero> and <friend> both wanted to win.",
          "this year <number> children were in it, and <hero> was the smallest.",
        ],
        [
          '"I am as quick as a <beast>," <said> <friend>.',
          '"The prize is a <material> <treasure>," <said> the <trade>.',
        ],
      ],
      [
        ["the bell rang, and they <walked2> towards <place>.", "they <walked2> past <place> and along the <water>."],
        ["<friend> was first, and <hero> was second.", "soon <hero> was ahead, but <friend> was close behind."],
        ["then <friend> fell over a stone and hurt <fhis> knee.", "then <friend> lost a shoe and had to stop."],
        ["<hero> could have won, but <he> turned back to help.", "<hero> stopped at once and gave <fhim> a hand."],
      ],
      [
        [
          "they came in together, last of all, and everybody cheered.",
          "arm in arm they came to the end, and the <trade> gave each of them a prize.",
        ],
        [
          '"Why did you stop?" <asked> <friend>. "Because <saying>," <replied> <hero>.',
          '"<thanks>," <replied> <friend>. "You are the real winner."',
        ],
        ENDING,
      ],
    ],
  },
  {
    titles: ["The Quarrel", "<hero> Says Sorry", "The Broken <Treasure>"],
    paragraphs: [
      [
        [
          "<hero> and <friend> shared a <material> <treasure>.",
          "<friend> had a <fine> <treasure>, and <hero> liked to play with it.",
        ],
        [
          "<opening>, it fell to the floor and broke.",
          "<opening>, <hero> dropped it, and it broke into <number> pieces.",
        ],
        ['"That was your fault!" <said> <friend>.', '"Look what you have done!" <said> <friend>.'],
        ["<friend> <walked> home without a word.", "they did not speak for <number> days."],
      ],
      [
        ["<hero> was <low>. Without <friend>, <place> was empty.", "every <time> <hero> sat <spot> and felt <low>."],
        ["<his> <elder> said that <saying>.", '"Go and talk to <fhim>," said <his> <elder>.'],
        [
          "so <hero> took some glue and mended the <treasure> <manner>.",
          "so <hero> baked an <applecake> and <walked> to the house of <friend>.",
        ],
      ],
      [
        ['"I am sorry," <said> <hero>.', '"I am sorry about the <treasure>," <said> <hero>.'],
        [
          '"I am sorry too," <replied> <friend>, and <fhe> made <joke>.',
          '"It was only a <treasure>," <replied> <friend>. "Come in and have some <food>."',
        ],
        ENDING,
      ],
    ],
  },
  {
    titles: ["The <Beast> and the <Beast2>", "Why the <Beast> is Quiet", "A Fable"],
    paragraphs: [
      [
        ["long ago, a <beast> and a <beast2> lived near <place>.", "a <beast> and a <beast2> once met at the <water>."],
        [
          "the <beast> was clever, but the <beast2> was strong.",
          "the <beast> had <number> <plural>, and the <beast2> had only <left>.",
        ],
        ['"I am better than you," <said> the <beast>.', '"Who needs a <beast2>?" <said> the <beast>.'],
      ],
      [
        [
          "then <season> came, and <weather>.",
          "one <time> the <beast> fell into the <water>.",
          "one night there was nothing left to eat but <food>.",
        ],
        ['"Help me!" <said> the <beast>.', '"I cannot do this alone," <said> the <beast>.'],
        ["the <beast2> came <manner> and helped.", "the <beast2> said nothing and did all the work."],
      ],
      [
        ["since then the <beast> and the <beast2> share everything.", "now the <beast> never laughs at anybody."],
        ["for <saying>.", "the <beast> had learned that <saying>."],
      ],
    ],
  },
  {
    titles: ["The <Trade> of <town>", "<hero> Learns a Trade", "A New Start"],
    paragraphs: [
      [
        [
          "<hero> wanted to become a <trade>.",
          "<hero> came to <town> to learn from <friend>, the best <trade> of all.",
        ],
        [
          '"It takes <number> years," <said> <friend>. "Can you wait?"',
          '"Can you get up early?" <asked> <friend>. "Then you may stay."',
        ],
        ['"<yes>," <replied> <hero>.', '"I can try," <replied> <hero>.'],
      ],
      [
        ["on <day> <he> swept the floor, and on <day> <he> carried water.", "every <time> <he> worked, and <weather>."],
        [
          "<his> first <object> was crooked, and <his> second one broke.",
          "the first day went badly, and <hero> was <low>.",
        ],
        ['"Try once more," <said> <friend>. "You know that <saying>."', "<friend> showed <him> how to do it <manner>."],
      ],
      [
        [
          "after <number> months <hero> made a <fine> <material> <object>.",
          "in <season> <hero> made a <colour> <object>, and people came from <town> to see it.",
        ],
        ['"I could not have done it better," <said> <friend>.', '"Now you are a <trade>," <said> <friend>.'],
        ENDING,
      ],
    ],
  },
];
