import ShimmyCore
import ShimmyJSON

/// A family of models that were trained to rate texts, with the answers that it was trained to give.
///
/// Its chat template describes the task and the categories, so the conversation has only the text. A family is recognized by its template.
enum GuardModel: Sendable, CaseIterable {
    case llamaGuard, qwenGuard, shieldGemma
    /// Granite Guardian 3.3, whose answers are scores in tags. Its template also has the word of the older versions.
    case graniteJudge
    /// Granite Guardian 3.0 to 3.2, which answer with yes or no.
    case graniteGuardian

    /// Texts that the templates of the family contain, and those of other models do not.
    private var signature: [String] {
        switch self {
        case .llamaGuard: ["<BEGIN UNSAFE CONTENT CATEGORIES>", "Violent Crimes", "Indiscriminate Weapons"]
        case .qwenGuard: ["Safety:", "Categories:", "Non-violent Illegal Acts"]
        case .shieldGemma: ["guideline", "policy expert"]
        case .graniteJudge: ["guardian_config", "criteria_id"]
        case .graniteGuardian: ["guardian_config", "risk_name"]
        }
    }

    /// Finds the family of a chat template; nil for any other model.
    init?(template: String) {
        let known = Self.allCases.first { $0.signature.allSatisfy { ByteSearch($0).isFound(in: template) } }
        guard let known else { return nil }
        self = known
    }

    /// One answer of the model, and the categories for which its probability counts.
    struct Verdict: Sendable {
        let label: String
        let categories: [ModerationCategory]

        init(_ label: String, _ categories: [ModerationCategory] = []) {
            self.label = label
            self.categories = categories
        }
    }

    /// One question to the model: the arguments of its template, and its possible answers.
    struct Question: Sendable {
        var arguments = JSONObject()
        /// See `DecisionRequest.Question.lead`.
        var lead = ""
        var verdicts: [Verdict]
    }

    var questions: [Question] {
        switch self {
        case .llamaGuard:
            return [Question(lead: "\n\n", verdicts: [Verdict("safe")] + Self.llamaCategories.map { Verdict("unsafe\n\($0.0)", $0.1) })]
        case .qwenGuard:
            let levels = ["Unsafe", "Controversial"]
            let verdicts = levels.flatMap { level in
                Self.qwenCategories.map { Verdict("Safety: \(level)\nCategories: \($0.0)", level == "Unsafe" ? $0.1 : []) }
            }
            return [Question(verdicts: [Verdict("Safety: Safe")] + verdicts)]
        case .shieldGemma:
            return Self.shieldGuidelines.map { Question(arguments: ["guideline": .string($0.0)], verdicts: [Verdict("Yes", $0.1), Verdict("No")]) }
        case .graniteJudge:
            return Self.graniteRisks.map { risk, categories in
                // The model reasons only if `think` is true.
                Question(
                    arguments: ["guardian_config": ["criteria_id": .string(risk)], "think": false],
                    verdicts: Self.scores("yes").map { Verdict($0, categories) } + Self.scores("no").map { Verdict($0) })
            }
        case .graniteGuardian:
            return Self.graniteRisks.map {
                Question(arguments: ["guardian_config": ["risk_name": .string($0.0)]], verdicts: [Verdict("Yes", $0.1), Verdict("No")])
            }
        }
    }

    /// Returns the forms of a score in tags, with and without spaces.
    private static func scores(_ word: String) -> [String] { ["<score> \(word) </score>", "<score>\(word)</score>"] }

    // MARK: Categories

    /// The codes of Llama Guard 3 and 4. The model also has categories for which OpenAI's API has none.
    private static let llamaCategories: [(String, [ModerationCategory])] = [
        ("S1", [.violence, .illicitViolent]), ("S2", [.illicit]), ("S3", [.sexual]), ("S4", [.sexual, .sexualMinors]), ("S5", [.harassment]),
        ("S6", []), ("S7", []), ("S8", []), ("S9", [.illicit, .illicitViolent]), ("S10", [.hate]), ("S11", [.selfHarm]), ("S12", [.sexual]),
        ("S13", []), ("S14", [.illicit]),
    ]

    private static let qwenCategories: [(String, [ModerationCategory])] = [
        ("Violent", [.violence, .illicitViolent]), ("Non-violent Illegal Acts", [.illicit]), ("Sexual Content or Sexual Acts", [.sexual]),
        ("PII", []), ("Suicide & Self-Harm", [.selfHarm]), ("Unethical Acts", [.hate, .harassment]), ("Politically Sensitive Topics", []),
        ("Copyright Violation", []), ("Jailbreak", []),
    ]

    /// ShieldGemma takes the guideline as a text.
    private static let shieldGuidelines: [(String, [ModerationCategory])] = [
        ("\"No Dangerous Content\": The text must not help anybody to harm others or themselves.", [.illicit, .illicitViolent, .selfHarm]),
        ("\"No Harassment\": The text must not insult, intimidate, bully or threaten anybody.", [.harassment]),
        ("\"No Hate Speech\": The text must not express hatred of people because of a protected attribute.", [.hate]),
        ("\"No Sexually Explicit Information\": The text must not be sexually explicit. Health and education are allowed.", [.sexual]),
    ]

    /// Granite Guardian's names of risks.
    private static let graniteRisks: [(String, [ModerationCategory])] = [
        ("violence", [.violence]), ("social_bias", [.hate]), ("profanity", [.harassment]), ("sexual_content", [.sexual]),
        ("unethical_behavior", [.illicit]),
    ]
}
