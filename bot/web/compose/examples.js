// Three posts for someone who has written none.

export const EXAMPLES = [
  "Dancing robots /compose /g heavy-metal /t 160 /r 0.2",
  "Late bus home /compose /g jazz /k Dm /c Dm7 | G7 | Cmaj7 | A7",
  "Castle in the clouds /compose /g game:0.6+classical:0.4 /l 60",
];
