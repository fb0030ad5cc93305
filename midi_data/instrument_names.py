"""Instruments from the names of tracks: ``Flöte 2``, ``1. Geige``, ``E.Gtr (lead)``, ``ピアノ``, ``Vln. I``.

Adds to ``midi_data.general_midi`` what scores and sequencers write: other languages and the usual abbreviations.
"""

from __future__ import annotations

import re

from midi_data.general_midi import Instrument, find_instruments, normalize_instrument
from midi_data.song import DRUM_PROGRAM

_WORDS: dict[int, str] = {
    0: "klavier, flügel, pno, pf, pfte, teclado, teclados, clavier, fortepian, fortepiano, пианино, фортепиано, "
    "рояль, клавишные, ピアノ, 鋼琴, 钢琴, flygel, keyb, kbd, keybd, rh, lh, right hand, left hand, "
    "rechte hand, linke hand",
    4: "ep, e pno, elpiano, エレピ, エレクトリックピアノ, rhds",
    6: "cembalo, clavicembalo, clavecin, clave, clavicordio, spinett, klavecimbel, klawesyn, клавесин, hpsd, "
    "チェンバロ",
    9: "glockenspiel, 鉄琴, campanelli, jeu de timbres, колокольчики",
    11: "vibraphon, vibrafono, vibrafon, vibráfono, вибрафон, ビブラフォン",
    12: "marimbaphon, マリンバ, маримба",
    13: "xilofono, xilófono, xylofoon, ksylofon, ксилофон, 木琴, シロフォン",
    14: "röhrenglocken, campane, cloches, campanas, колокола",
    16: "orgel, órgano, órgão, organo, orgue, organy, org, орган, オルガン, 管风琴, hammondorgel, el organ",
    19: "kirchenorgel, orgue d église, パイプオルガン",
    21: "akkordeon, accordéon, acordeón, acordeão, fisarmonica, akordeon, dragspel, trekkspill, sanfona, "
    "ziehharmonika, аккордеон, баян, アコーディオン, 手风琴",
    22: "mundharmonika, armónica, armonica, gaita de boca, harmonijka, губная гармошка, ハーモニカ",
    24: "konzertgitarre, guitarra clásica, guitarra española, violão, cavaquinho, akustikgitarre, "
    "guitare classique, ngtr, n gtr, laute",
    25: "westerngitarre, guitarra acústica, guitare acoustique, guitare folk, chitarra acustica, "
    "akoestische gitaar, a gtr, agtr, acgtr, ac gtr, aco gtr, アコースティックギター, アコギ, "
    "акустическая гитара, mandoline, mandolino",
    26: "jazzgitarre, jazz gtr",
    27: "gtr, guit, guitarra, guitarra eléctrica, chitarra, chitarra elettrica, guitare électrique, gitaar, "
    "gitara, gitarr, kitara, e gitarre, egitarre, egtr, e gtr, el gtr, clean gtr, ギター, エレキギター, гитара, "
    "электрогитара, 吉他",
    29: "od gtr, crunch gtr, lead gtr, rhythm gtr, ritmica, rhythmusgitarre, sologitarre, ld gtr, rhy gtr, rtm gtr",
    30: "dist gtr, distgtr, dgtr, verzerrte gitarre, ディストーションギター",
    32: "kontrabass, kontrabaß, contrebasse, contrabajo, contrabbasso, contrabaixo, contrabas, kontrabas, "
    "kontrabasista, контрабас, コントラバス, ウッドベース, 低音提琴, a bass, ac bass, aco bass, upright",
    33: "e bass, ebass, el bass, elbass, bassgitarre, e baß, baß, basse, bajo, bajo eléctrico, basso, "
    "basso elettrico, baixo, basgitaar, gitara basowa, elbas, bas, бас, бас гитара, басгитара, ベース, "
    "エレキベース, 贝斯, bs, bass gtr, bgtr",
    38: "synthbass, シンセベース, syn bass",
    40: "geige, violine, violon, violín, violino, viool, skrzypce, fiol, viulu, скрипка, バイオリン, "
    "ヴァイオリン, 小提琴, vln, vl, vn, vni, violini, violinen, violons, violines",
    41: "bratsche, alto à cordes, altviool, altówka, альт, ビオラ, ヴィオラ, 中提琴, vla, va, vle, violen, altos",
    42: "violoncello, violoncelle, violonchelo, violoncelo, wiolonczela, виолончель, チェロ, 大提琴, vc, vlc, "
    "vcl, vcello, celli, violoncelli",
    43: "cb, kb, db, contrabassi, kontrabässe, contrebasses",
    45: "pizzicato, pizz",
    46: "harfe, harpe, arpa, harpa, harfa, арфа, ハープ, 竖琴, hp, hrp",
    47: "pauken, timbales, timpani, timbales d orchestre, timpanos, kotły, pukor, литавры, ティンパニ, 定音鼓, timp",
    48: "streicher, streichorchester, cordes, cuerdas, archi, cordas, strijkers, smyczki, stråkar, струнные, "
    "ストリングス, 弦乐, str, strgs, strg",
    52: "chor, gesang, stimme, choeur, chœur, voix, chant, coro, voz, canto, voce, voces, koor, zang, chór, "
    "śpiew, kör, sång, хор, голос, вокал, 歌, ボーカル, ヴォーカル, コーラス, 合唱, メロディ, メロディー, "
    "soprano voice, sopran, tenor voice, vocals, lead vocal, backing vocals, vox, vx, melodie, melodía, "
    "melodia, mélodie, melody, lyrics",
    56: "trompete, trompette, trompeta, tromba, trompet, trąbka, trumpeter, труба, トランペット, 小号, tpt, trp, trpt",
    57: "posaune, trombón, trombone à coulisse, puzon, basun, тромбон, トロンボーン, 长号, tbn, trb, trbn, posaunen",
    58: "tuba, тромба, туба, チューバ, 大号, tba",
    60: "horn, hörner, cor, cors, corno, corni, trompa, trompas, hoorn, róg, valthorn, waldhorn, валторна, "
    "ホルン, フレンチホルン, 圆号, hn, hrn, fhn, f hn, cor d harmonie",
    61: "bläser, blechbläser, cuivres, metales, ottoni, metais, koperblazers, blech, ブラス, духовые, brs, brass sect",
    64: "sopransaxophon, sopransax, sax soprano, saxo soprano, ソプラノサックス, s sax, ssx",
    65: "altsaxophon, altsax, sax alto, sax contralto, saxo alto, アルトサックス, a sax, asx",
    66: "tenorsaxophon, tenorsax, sax tenor, sax tenore, saxo tenor, saksofon, saxofón, sassofono, саксофон, "
    "テナーサックス, サックス, 萨克斯, t sax, tsx",
    67: "baritonsaxophon, baritonsax, sax baritono, バリトンサックス, b sax, bsx",
    68: "hautbois, oboen, obój, hobo, гобой, オーボエ, 双簧管, ob",
    69: "englischhorn, cor anglais, corno inglese, corno inglés, английский рожок, イングリッシュホルン, e hn, eh",
    70: "fagott, basson, fagotto, fagot, fagote, fagotti, фагот, ファゴット, バスーン, 大管, 巴松管, fg, fag, bn, bsn",
    71: "klarinette, clarinette, clarinete, clarinetto, clarinetti, klarinet, klarnet, klarinett, кларнет, "
    "クラリネット, 单簧管, cl, clt, clar, kl",
    72: "pikkolo, piccoloflöte, flautín, ottavino, flautim, пикколо, ピッコロ, picc",
    73: "flöte, querflöte, flûte, flûte traversière, flauta, flauto, flauti, fluit, flet, flöjt, fløjte, "
    "fløyte, huilu, флейта, フルート, 长笛, fl, flt, flöten",
    74: "blockflöte, flûte à bec, flauta dulce, flauto dolce, flauta doce, blokfluit, блокфлейта, リコーダー",
    75: "panflöte, flûte de pan, flauta de pan, zampoña, quena, パンフルート",
    77: "尺八, しゃくはち",
    79: "okarina, オカリナ",
    81: "シンセ, シンセリード, syn lead, synlead, ld syn, синтезатор, sintetizador, sintetizzatore",
    89: "シンセパッド, syn pad, synpad",
    104: "シタール, ситар",
    105: "banjo, バンジョー, банджо, bjo",
    106: "三味線, しゃみせん",
    107: "琴, 箏, こと, 古筝",
    109: "dudelsack, cornemuse, gaita, zampogna, doedelzak, dudy, säckpipa, волынка, バグパイプ",
    110: "fiddel, フィドル",
    116: "太鼓, 和太鼓",
}
"""Program → names in German, French, Spanish, Italian, Portuguese, Dutch, Polish, Scandinavian, Russian, Japanese,
Chinese, and abbreviations."""
_DRUM_WORDS = (
    "schlagzeug, batterie, batería, bateria, batteria, perkusja, trummor, trommeln, trommer, slagverk, "
    "slagwerk, rummut, percusión, percussioni, percussão, perkussion, schlagwerk, ударные, барабаны, барабан, "
    "перкуссия, ドラム, ドラムス, ドラムセット, パーカッション, 打楽器, 鼓, 架子鼓, 打击乐, dr, drs, drm, drms, "
    "drumkit, perc, percs, rhythm, hihat, hi hat, snare, kick, bass drum, große trommel, kleine trommel, "
    "grosse caisse, caisse claire, cymbals, toms, bd, sd, hh"
)
_QUARTET = frozenset({"soprano", "sopran", "alto", "alt", "tenor", "bass", "baß", "basso", "tenore", "contralto"})
"""Voices of a choir: each alone may be a saxophone or a bass guitar, two of them together are singers."""
CHOIR = Instrument(52)


def _table() -> dict[str, Instrument]:
    words = {normalize_instrument(word): Instrument(p) for p, line in _WORDS.items() for word in line.split(", ")}
    return words | {normalize_instrument(word): Instrument(DRUM_PROGRAM, True) for word in _DRUM_WORDS.split(", ")}


_TABLE = _table()
_LONGEST = max(len(word.split()) for word in _TABLE)


def instrument_of_track(name: str) -> Instrument | None:
    """The instrument that a track's name tells, or ``None``. The longest run of words that names one decides."""
    words = re.sub(r"[\d_.,:;()\[\]/#+*-]+", " ", name)
    plain = re.sub(r"\b(i{1,3}|iv|vi{0,3})\b", " ", normalize_instrument(words)).split()
    for size in range(min(len(plain), _LONGEST), 0, -1):
        for start in range(len(plain) - size + 1):
            found = _lookup(" ".join(plain[start : start + size]))
            if found is not None:
                return found
    return None


def _lookup(words: str) -> Instrument | None:
    if words in _TABLE:
        return _TABLE[words]
    found = find_instruments(words)
    return found[0] if found and len(found) == 1 else None


def is_choir(names: list[str]) -> bool:
    """Whether the ``names`` of a file's tracks are those of a choir's voices."""
    return len({normalize_instrument(name) for name in names} & _QUARTET) >= 2
