import ArgumentParser
import Descent
import DescentFiles
import DescentLab
import DescentNN
import DescentServe
import DescentTokenizers
import DescentTraining
import Foundation
import Safetensors

/// How the process ends; the numbers of sysexits.h where it has them.
enum ExitStatus {
  static let usage: Int32 = 64
  static let badData: Int32 = 65
  static let missingFile: Int32 = 66
  static let internalError: Int32 = 70
  static let nonFinite: Int32 = 75
  static let interrupted: Int32 = 130

  /// The exit status of an error.
  static func of(_ error: any Error) -> Int32 {
    switch error {
    case ModelError.notFinite: badData
    case _ where error.isOfRecipe, is Scenario.UnknownTask: usage
    case is MissingRecipe, is MissingStudy: missingFile
    case let error as DataError: error.isMissingFile ? missingFile : badData
    case let error as SafetensorsError:
      switch error {
      case .missingFile: missingFile
      case .unwritable, .invalidTensor: internalError
      case .unreadable, .malformed, .malformedIndex, .tensorNotFound, .wrongType, .valueOutOfRange,
        .wrongCount:
        badData
      }
    case let error as FileError:
      switch error {
      case .missing: missingFile
      case .unreadable: badData
      case .unwritable(let path, _): path.isEmpty ? usage : internalError
      }
    case let error as RunError:
      switch error {
      case .notARun, .notInARun: missingFile
      case .occupied, .noFolder, .locked, .notALanguageModel, .notUsable, .finished: usage
      case .cannotWrite: internalError
      case .checkpointMismatch, .unusableCheckpoint, .cannotResume: badData
      case .nonFinite, .float16Overflow: nonFinite
      }
    case let error as PretrainedError: error.isMissingFile ? missingFile : badData
    case let error as AdapterError: error.isMissingFile ? missingFile : badData
    case let error as TokenizerError:
      switch error {
      case .missingFile: missingFile
      case .unreadable, .malformed, .unknownID, .unencodable: badData
      case .untrainable: usage
      }
    case is StateMismatch, is InputError, is EnvironmentError: badData
    case let error as ServiceError:
      switch error {
      case .refused, .ended: internalError
      case .portInUse, .notAPort, .notAnAddress: usage
      }
    case let error as RaceError:
      switch error {
      case .notARace: missingFile
      case .interrupted: interrupted
      }
    case let error as StudyError:
      switch error {
      case .notAStudy: missingFile
      case .another: usage
      case .interrupted: interrupted
      case .baseFailed: nonFinite
      }
    case let error as CrewError:
      switch error {
      case .interrupted: interrupted
      case .runFailed(_, let status, _): status
      }
    default: internalError
    }
  }

  /// What to say of an error: its own sentence, or one for errors of the system, which have none.
  static func sentence(of error: any Error) -> String {
    switch error {
    case _ where error.isOfRecipe, is PretrainedError, is AdapterError, is MissingRecipe,
      is DataError, is FileError,
      is SafetensorsError, is RunError, is StateMismatch, is RaceError, is StudyError, is CrewError,
      is MissingStudy, is ServiceError,
      is Scenario.UnknownTask, is TokenizerError, is InputError,
      is EnvironmentError:
      "\(error)"
    default:
      "something went wrong that should not have (\(SystemReason.of(error))); please report what "
        + "you did, and \(type(of: error))"
    }
  }
}

/// Runs a command's work; an error goes to standard error, one plain sentence first, and its exit
/// status to the shell.
func reportingErrors(_ body: () throws -> Void) throws {
  do {
    try body()
    StandardOutput.endAfterFailure()
  } catch let error as ExitCode {
    throw error
  } catch let error as ValidationError {
    throw error
  } catch {
    writeError("Error: \(ExitStatus.sentence(of: error))")
    throw ExitCode(ExitStatus.of(error))
  }
}
