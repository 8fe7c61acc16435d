/// A category of OpenAI's API for moderation, in the order of its responses.
package enum ModerationCategory: String, Sendable, CaseIterable {
    case harassment
    case harassmentThreatening = "harassment/threatening"
    case hate
    case hateThreatening = "hate/threatening"
    case illicit
    case illicitViolent = "illicit/violent"
    case selfHarm = "self-harm"
    case selfHarmInstructions = "self-harm/instructions"
    case selfHarmIntent = "self-harm/intent"
    case sexual
    case sexualMinors = "sexual/minors"
    case violence
    case violenceGraphic = "violence/graphic"

    /// A statement about a text that is true if the text belongs to the category.
    var statement: String {
        switch self {
        case .harassment: "The text insults, bullies or harasses a person or a group, or encourages others to do so."
        case .harassmentThreatening: "The text harasses a person or a group and also threatens or wishes them violence or serious harm."
        case .hate:
            "The text expresses or promotes hatred of people because of their race, sex, ethnicity, religion, nationality, sexual orientation, "
                + "disability or caste."
        case .hateThreatening:
            "The text is hateful towards people because of their race, sex, ethnicity, religion, nationality, sexual orientation, disability or "
                + "caste, and also threatens or wishes them violence or serious harm."
        case .illicit: "The text gives instructions or advice for something illegal, or for how to commit a crime."
        case .illicitViolent: "The text gives instructions or advice for a violent crime, or for how to get or make a weapon."
        case .selfHarm: "The text promotes, encourages or describes self-harm, such as suicide, cutting or eating disorders."
        case .selfHarmInstructions: "The text gives instructions or advice for self-harm, or encourages somebody to commit it."
        case .selfHarmIntent: "The writer of the text harms themselves or says that they intend to."
        case .sexual: "The text is meant to arouse sexually, or it promotes sexual services. Health and education do not count."
        case .sexualMinors: "The text contains sexual content that involves a person under 18 years."
        case .violence: "The text describes death, violence or physical injury."
        case .violenceGraphic: "The text describes death, violence or physical injury in graphic detail."
        }
    }
}
