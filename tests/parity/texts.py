"""Which texts are the encoders compared on?

    python tests/parity/texts.py

Writes tests/data/parity/texts.jsonl: 200 lines {"id", "words", "text"}, of 1 to 600 words (runs of non-space). Lengths are
spread evenly on a log scale; 40 texts are hard ones written out below, and every fourth of the others has hard fragments
strewn in. All text is our own; no patient is meant. The templates pair drugs, doses and signs at random: these texts have
the shape of medical prose and are no medical statements. The output never depends on the clock or on Python's
`random`: the generator is splitmix64 with a fixed seed.
"""

import json
import math
import unicodedata
from pathlib import Path

OUT = Path(__file__).resolve().parent.parent / "data" / "parity" / "texts.jsonl"
COUNT = 200
LONGEST = 600
MASK = (1 << 64) - 1


class SplitMix:
    """splitmix64 (Steele, Lea and Flood, 2014): the same numbers on every machine and in every Python."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        return (z ^ (z >> 31)) % bound

    def pick(self, items):
        return items[self.below(len(items))]

    def shuffle(self, items):
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


SENTENCES = """
Type 2 diabetes often begins quietly, with thirst, tiredness and a need to pass water at night.
A fasting glucose that stays high on two mornings is enough to make the diagnosis.
High blood pressure rarely causes symptoms, which is why it has to be measured.
The heart pumps blood through the arteries and gets it back through the veins.
Asthma narrows the small airways, so that breathing out is harder than breathing in.
A blue inhaler opens the airways within minutes, but it does not treat the inflammation underneath.
Inhaled steroids take days to work and must be used even on good days.
Pneumonia fills part of the lung with fluid and usually brings fever, cough and breathlessness.
Chest pain that spreads to the jaw or the left arm needs an ambulance, not an appointment.
A stroke can show itself as a drooping face, a weak arm or slurred speech.
Migraine is more than a headache: light hurts, sound hurts, and the stomach turns.
Tension headache feels like a tight band and seldom stops people from working.
Iron deficiency makes the red cells small and pale.
Vitamin B12 is absorbed at the very end of the small bowel.
Coeliac disease is an immune reaction to gluten and not an allergy in the usual sense.
People with coeliac disease should keep eating gluten until the blood test has been taken.
Heartburn after meals is common in pregnancy and usually settles after birth.
A stomach ulcer may bleed slowly and be found only because of anaemia.
Gallstones cause pain under the right ribs, often after a fatty meal.
Jaundice with itching and dark urine points to a blocked bile duct.
Hepatitis A spreads through food and water and does not become chronic.
Hepatitis C can now be cured with tablets in most people.
The kidneys filter about one hundred and eighty litres of fluid a day.
A urine infection stings, and the urine may be cloudy or smell strongly.
Kidney stones cause waves of pain from the flank to the groin.
Drinking more water lowers the risk of another stone.
Gout comes on overnight, and the joint of the big toe is hot, red and too sore for a sheet.
Osteoarthritis is worse after use, rheumatoid arthritis is worse after rest.
Morning stiffness that lasts more than an hour suggests inflammation.
Osteoporosis has no symptoms until a bone breaks.
Back pain without warning signs gets better sooner when people keep moving.
Loss of bladder control together with back pain is an emergency.
Eczema makes the skin dry and itchy, and scratching makes it worse.
Psoriasis forms thick silvery plaques over the elbows and knees.
A mole that changes its shape, colour or border should be looked at.
Sunburn in childhood raises the risk of melanoma decades later.
Chickenpox spots come in crops and are at different stages at the same time.
Shingles follows a nerve and stops at the middle of the body.
Measles begins with a runny nose, red eyes and a cough before the rash appears.
Two doses of vaccine protect almost everyone against measles.
Whooping cough is most dangerous in the first three months of life.
Antibiotics do not help against viruses such as those that cause colds.
A sore throat with a runny nose is nearly always viral.
Finish the course only if the prescriber has told you to; shorter courses are often enough.
Penicillin allergy is claimed far more often than it is confirmed.
Anaphylaxis needs adrenaline in the thigh at once and a call for help.
Hay fever is treated with antihistamines and nasal steroid sprays.
An underactive thyroid slows the pulse, the bowels and the mind.
An overactive thyroid brings weight loss, trembling hands and a racing heart.
Levothyroxine is taken on an empty stomach, half an hour before breakfast.
Addison's disease darkens the skin and lowers the blood pressure.
Too much cortisol thins the skin and rounds the face.
Polycystic ovaries are common and are named after what the scan shows.
Endometriosis is a cause of painful periods that is often recognised late.
The menopause is reached when twelve months have passed without a period.
Hot flushes may be helped by hormone treatment, weighed against the risks.
Bleeding after the menopause must always be explained.
Folic acid before conception prevents most defects of the neural tube.
Pre-eclampsia shows itself by high blood pressure and protein in the urine.
Breast milk protects against infections of the gut and the ear.
Newborn jaundice on the first day of life is never normal.
A child who is floppy and hard to wake needs to be seen immediately.
Croup sounds like a barking seal and is worse at night.
Febrile convulsions are frightening and usually harmless.
A rash that does not fade under a glass may mean meningitis.
Depression takes away interest, sleep and appetite for weeks on end.
Talking therapy and tablets work about equally well in moderate depression.
Panic attacks peak within ten minutes and pass.
Anyone who thinks of ending their life deserves help today.
Dementia begins with recent memory and spares the distant past at first.
Delirium fluctuates over hours, dementia progresses over years.
Parkinson's disease slows movement and often causes a tremor at rest.
Epilepsy is diagnosed from the story more than from the tracing.
During a seizure, protect the head and time it.
Multiple sclerosis damages the sheath around the nerves in attacks.
Numb fingers at night suggest pressure on the median nerve.
Glaucoma takes the edges of vision first, and silently.
A painful red eye with poor vision should be seen the same day.
Cataracts cloud the lens and can be removed under local anaesthetic.
Wax is the most common cause of a blocked ear.
Sudden loss of hearing in one ear is treated as urgent.
Vertigo on turning over in bed is usually caused by loose crystals in the inner ear.
Tooth decay begins under plaque and is driven by sugar.
Smoking is the most important avoidable cause of lung disease.
Nicotine replacement doubles the chance of stopping.
COPD is confirmed by spirometry after a bronchodilator.
Home oxygen helps only those whose blood oxygen is low.
A blood clot in the leg makes the calf swollen, warm and sore.
If the clot travels to the lung, breathing hurts and the heart races.
Warfarin needs regular blood tests; the newer anticoagulants do not.
Atrial fibrillation makes the pulse irregular and raises the risk of stroke fivefold.
Heart failure causes breathlessness on lying flat and swollen ankles.
Statins lower cholesterol and prevent heart attacks in people at risk.
Muscle pain on statins is usually caused by something else.
Salt hidden in bread and ready meals matters more than salt at the table.
Half an hour of brisk walking on most days lowers blood pressure.
Alcohol damages the liver without pain for years.
Obesity is a disease of appetite and environment, not of character.
Screening finds bowel cancer early enough to cure most of it.
Blood in the stool should not be put down to piles without looking.
A lump in the breast is usually harmless and should always be examined.
Prostate cancer grows slowly in many men and never troubles some.
Chemotherapy lowers the white cells, so fever must be taken seriously.
Radiotherapy is given in small daily fractions over weeks.
Palliative care adds comfort and sometimes time.
Morphine does not shorten life when the dose is raised in steps.
Laxatives should be started together with strong painkillers.
Paracetamol is safe at the right dose and dangerous at twice that dose.
Ibuprofen can harm the kidneys of people who are dehydrated.
Aspirin is not given to children because of Reye's syndrome.
Tuberculosis causes a cough of many weeks, night sweats and weight loss.
Malaria must be excluded in any fever after travel to the tropics.
HIV that is suppressed by treatment is not passed on through sex.
Chlamydia often has no symptoms and can be treated with one course of tablets.
Sepsis is the body's overwhelming response to an infection.
Handwashing prevents more infections in hospital than any drug.
A tetanus booster is considered after a dirty wound.
Burns are cooled under running water for twenty minutes.
A child with a button battery in the gullet needs surgery within hours.
Rehydration solution has saved more children than antibiotics.
Sickle cell disease causes crises of pain when the blood vessels are blocked.
Haemophilia runs through families by way of healthy mothers.
Down syndrome is caused by a third copy of chromosome 21.
Cystic fibrosis thickens the mucus in the lungs and the pancreas.
Sleep apnoea is suggested by loud snoring and pauses in breathing.
Insomnia responds better to changed habits than to sleeping tablets.
""".strip().split("\n")

DRUGS = """metformin amlodipine ramipril bisoprolol atorvastatin salbutamol beclometasone omeprazole amoxicillin
doxycycline levothyroxine prednisolone methotrexate apixaban clopidogrel sertraline amitriptyline gabapentin furosemide
spironolactone insulin empagliflozin semaglutide allopurinol colchicine lamotrigine levodopa tamoxifen""".split()
DISEASES = """hypertension hyperkalaemia hypothyroidism cholecystitis appendicitis diverticulitis pancreatitis pyelonephritis
glomerulonephritis cellulitis osteomyelitis endocarditis pericarditis myocarditis bronchiectasis sarcoidosis psoriasis
scleroderma vasculitis neutropenia thrombocytopenia polycythaemia lymphoma myeloma acromegaly phaeochromocytoma""".split()
SIGNS = """fever fatigue nausea breathlessness palpitations dizziness swelling itching bruising constipation diarrhoea
hoarseness weakness numbness tremor confusion cough wheeze thirst sweating""".split()
ORGANS = "heart,lungs,liver,kidneys,pancreas,thyroid,brain,spine,skin,eyes,bowel,bladder,adrenal glands".split(",")
TESTS = """a full blood count,a chest X-ray,an electrocardiogram,an ultrasound scan,a CT scan of the abdomen,HbA1c,
liver function tests,serum creatinine,a urine dipstick,spirometry,an MRI of the lumbar spine,C-reactive protein""".replace(
    "\n", ""
).split(",")
UNITS = ["mg", "mcg", "units", "ml", "g", "mmol/l", "mg/dl", "mg/kg", "IU"]
TEMPLATES = """
Patients with {disease} who take {drug} should have {test} every {n} weeks.
{Drug} {n} {unit} twice daily reduced {sign} in {n} of {n} patients.
When {sign} and {sign} occur together, {disease} has to be considered.
In {disease} the {organ} may be involved, and {test} is the first step.
The dose of {drug} is raised from {n} {unit} to {n} {unit} after {n} days.
{Disease} can present with {sign}, {sign} or {sign}, and rarely with {sign}.
Does {drug} help against {disease}, or does it only relieve {sign}?
{Test} was normal; {disease} was nevertheless confirmed {n} months later.
A {n}-year-old with {disease} complained of {sign} after starting {drug}.
Stop {drug} and seek help if {sign} or {sign} gets worse within {n} hours.
""".strip().split("\n")

FRAGMENTS = """
α-synuclein, β-amyloid and γ-globulin (Δ = 3.5 µg/l; σ ≈ 0.2)
5 μg vs 5 µg: Greek mu and micro sign
naïve café façade Ménière Sjögren Guillain–Barré Behçet’s Müller Ångström
糖尿病の早期症状は何ですか
高血压患者应定期测量血压。
당뇨병 환자의 혈당 조절
ما هي أعراض مرض السكري؟
تسمم الحمل وارتفاع ضغط الدم
מהם התסמינים של אסתמה
Что такое гипертония?
💊🩺🫀 👩‍⚕️ 👍🏽 🇬🇧
HbA1c 48 mmol/mol (6.5 %), eGFR <60 ml/min/1.73 m², K⁺ 5.9, pO₂ 7.3 kPa, 37.5 °C
BP 120/80, HR 72/min, SpO₂ ≥ 94 %, T=38,6°C, CRP: 1,234.5 mg/l
URGENT!!! DO NOT GIVE PENICILLIN!!! ALLERGY???
wait.......... what?!?!?! --- really *** ### $$$
pneumonoultramicroscopicsilicovolcanoconiosis
pseudopseudohypoparathyroidism esophagogastroduodenoscopy
N-acetyl-p-benzoquinone-imine 1,2-dihydroxy-3-methoxybenzene
c.1521_1523delCTT (p.Phe508del) BRCA1:c.68_69delAG rs1799853
“quoted” ‘single’ «guillemets» … — – ‐ ‑
e\u0301te\u0301 nai\u0308ve A\u030angstro\u0308m
soft\u00adhyphen zero\u200bwidth no\u00a0break \ufefffeff
ﬁbrillation ﬂuid Ⅳ ½ ¼ ① ™ ® ©
İstanbul ıssız straße STRASSE ǅ ŉ
[CLS] [SEP] [MASK] [PAD] [UNK] ##ing
<b>bold</b> &amp; {"json": true} \\n \\t C:\\x
0 00 000 1e-9 -273.15 ½ 3×10⁹ 10^9 ±2 √2 ∞
\u202eright to left\u202c \u2066isolate\u2069
𝒟𝒾𝒶𝒷ℯ𝓉ℯ𝓈 𐐷 𠮷野家
ภาวะความดันโลหิตสูง मधुमेह के लक्षण
""".strip().split("\n")

# Short or whole hard texts. A repeated one has its count beside it, so that the file stays small to read.
HARD = [
    "a",
    "?",
    "é",
    "µ",
    "糖",
    "💊",
    "\u200b",
    "DIABETES",
    "diabetes",
    "[UNK]",
    "x" * 99,
    "x" * 100,
    "x" * 101,
    "pneumono" * 30,
    "!" * 300,
    "?!" * 120 + " what is this",
    "GATTACA" * 40,
    "糖尿病は慢性疾患であり、血糖値が高い状態が続く。" * 12,
    "고혈압은 증상이 거의 없으므로 정기적으로 측정해야 합니다. " * 8,
    "ارتفاع ضغط الدم لا يسبب أعراضا في العادة لذلك يجب قياسه بانتظام. " * 8,
    "💊🩺 " * 40,
    "👩‍⚕️👨🏾‍⚕️" * 12,
    "one\ttwo\tthree\nfour\r\nfive\n\n\nsix   seven\u00a0eight\u3000nine\u2003ten",
    "\n\n  leading and trailing space \t\n",
    "What are the early signs of type 2 diabetes?",
    "what are the early signs of type 2 diabetes",
    "WHAT ARE THE EARLY SIGNS OF TYPE 2 DIABETES?",
    "1 2 3 4 5 6 7 8 9 10 " * 12,
    "0.9% NaCl 500 ml i.v. over 30 min; then 4-6 h 1000 ml; K+ 20 mmol/l; max 10 mmol/h",
    "HR=72bpm;BP=120/80mmHg;T=37.2°C;SpO2=98%;RR=14/min;BMI=24.9kg/m²",
    "The the THE tHe " * 30,
    "- item\n- item two\n\t- nested\n1. first\n2. second\n> quote\n| a | b |\n|---|---|\n| 1 | 2 |",
    "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.u.v.w.x.y.z " * 6,
    "control \u0001 characters \u0008 and \u001b[31mcolour\u001b[0m and \u007f and \ufffd end",
    "e\u0301\u0301\u0301\u0301 z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f a\u0489l\u0489g\u0489o",
    "https://example.org/a/very/long/path?with=query&and=more#fragment and someone@example.org",
    "".join(chr(c) for c in range(0x21, 0x7F)),
    " ".join(chr(c) for c in range(0xA1, 0x180)),
    " ".join(chr(c) for c in range(0x391, 0x3CA) if c != 0x3A2),
    "fibrillation " * 600,
]


def sentence(rng):
    if rng.below(3) != 0:
        return rng.pick(SENTENCES)
    template = rng.pick(TEMPLATES)
    parts = {
        "{disease}": lambda: rng.pick(DISEASES),
        "{Disease}": lambda: rng.pick(DISEASES).capitalize(),
        "{drug}": lambda: rng.pick(DRUGS),
        "{Drug}": lambda: rng.pick(DRUGS).capitalize(),
        "{sign}": lambda: rng.pick(SIGNS),
        "{organ}": lambda: rng.pick(ORGANS),
        "{test}": lambda: rng.pick(TESTS),
        "{Test}": lambda: (lambda t: t[0].upper() + t[1:])(rng.pick(TESTS)),
        "{unit}": lambda: rng.pick(UNITS),
        "{n}": lambda: str(1 + rng.below(rng.pick([9, 60, 600]))),
    }
    for slot, fill in parts.items():
        while slot in template:
            template = template.replace(slot, fill(), 1)
    return template


def generated(rng, length, hard):
    """A text of exactly `length` words: whole sentences, the last one cut; separators vary so that newlines are met too."""
    words = []
    while len(words) < length:
        line = rng.pick(FRAGMENTS) if hard and rng.below(4) == 0 else sentence(rng)
        words.extend(line.split())
        if length > 60 and rng.below(6) == 0:
            words[-1] += "\n"
    text = " ".join(words[:length]).replace("\n ", rng.pick(["\n", "\n\n", "\r\n", "\n\t"]))
    return text if rng.below(8) else text.upper()


def texts():
    """The 200 texts, in the order of the file."""
    rng = SplitMix(0xC11A0A)
    count = COUNT - len(HARD)
    lengths = [round(math.exp(math.log(LONGEST) * i / (count - 1))) for i in range(count)]
    assert lengths[0] == 1 and lengths[-1] == LONGEST
    made = [generated(rng, length, i % 4 == 0) for i, length in enumerate(lengths)] + HARD
    rng.shuffle(made)
    return made


def visible(line):
    """Invisible characters as escapes, so that the file can be read and reviewed."""
    hidden = lambda c: unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Co") or c in "\u00a0\u2003\u3000"
    units = lambda c: c.encode("utf-16-be").hex(" ", 2).split()
    return "".join("".join(f"\\u{u}" for u in units(c)) if hidden(c) else c for c in line)


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with OUT.open("w", encoding="utf-8", newline="\n") as file:
        for i, text in enumerate(texts()):
            words = len(text.split())
            assert 1 <= words <= LONGEST, (i, words)
            record = {"id": f"t{i:03}", "words": words, "text": text}
            file.write(visible(json.dumps(record, ensure_ascii=False)) + "\n")


if __name__ == "__main__":
    main()
