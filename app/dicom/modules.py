"""Which attributes the modules of each level of the information model hold (PS3.3 C.7.1 to C.7.5).

Knows keywords only. What is not listed here belongs to the instance. Must not know: queries, answers, SQL.
"""

from __future__ import annotations

PATIENT = """
    PatientName PatientID IssuerOfPatientID IssuerOfPatientIDQualifiersSequence TypeOfPatientID PatientBirthDate
    PatientBirthDateInAlternativeCalendar PatientDeathDateInAlternativeCalendar PatientAlternativeCalendar PatientBirthTime PatientSex
    QualityControlSubject ReferencedPatientSequence ReferencedPatientPhotoSequence OtherPatientIDs OtherPatientIDsSequence
    OtherPatientNames PatientBirthName PatientMotherBirthName PatientAddress PatientTelephoneNumbers MilitaryRank BranchOfService
    CountryOfResidence RegionOfResidence PatientReligiousPreference EthnicGroup PatientComments PatientSpeciesDescription
    PatientSpeciesCodeSequence PatientBreedDescription PatientBreedCodeSequence BreedRegistrationSequence StrainDescription
    StrainNomenclature StrainCodeSequence StrainAdditionalInformation StrainStockSequence GeneticModificationsSequence
    ResponsiblePerson ResponsiblePersonRole ResponsibleOrganization PatientIdentityRemoved DeidentificationMethod
    DeidentificationMethodCodeSequence SourcePatientGroupIdentificationSequence GroupOfPatientsIdentificationSequence
    ClinicalTrialSponsorName ClinicalTrialProtocolID ClinicalTrialProtocolName ClinicalTrialSiteID ClinicalTrialSiteName
    ClinicalTrialSubjectID ClinicalTrialSubjectReadingID ClinicalTrialProtocolEthicsCommitteeName
    ClinicalTrialProtocolEthicsCommitteeApprovalNumber
"""
"""Patient and Clinical Trial Subject modules (C.7.1)."""

STUDY = """
    StudyInstanceUID StudyDate StudyTime StudyID StudyDescription AccessionNumber IssuerOfAccessionNumberSequence
    ReferringPhysicianName ReferringPhysicianIdentificationSequence ConsultingPhysicianName
    ConsultingPhysicianIdentificationSequence PhysiciansOfRecord PhysiciansOfRecordIdentificationSequence
    NameOfPhysiciansReadingStudy PhysiciansReadingStudyIdentificationSequence RequestingPhysician RequestingService
    RequestingServiceCodeSequence RequestedProcedureDescription RequestedProcedureCodeSequence ReferencedStudySequence
    ProcedureCodeSequence ReasonForPerformedProcedureCodeSequence AdmittingDiagnosesDescription AdmittingDiagnosesCodeSequence
    PatientAge PatientSize PatientSizeCodeSequence PatientWeight PatientBodyMassIndex MeasuredAPDimension MeasuredLateralDimension
    MedicalAlerts Allergies SmokingStatus PregnancyStatus LastMenstrualDate PatientState Occupation AdditionalPatientHistory
    AdmissionID IssuerOfAdmissionIDSequence ServiceEpisodeID ServiceEpisodeDescription IssuerOfServiceEpisodeIDSequence
    PatientSexNeutered ReasonForVisit ReasonForVisitCodeSequence ClinicalTrialTimePointID ClinicalTrialTimePointDescription
    LongitudinalTemporalOffsetFromEvent LongitudinalTemporalEventType ConsentForClinicalTrialUseSequence
    ModalitiesInStudy SOPClassesInStudy NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
"""
"""General Study, Patient Study and Clinical Trial Study modules (C.7.2), and what is computed over a study (PS3.4 C.3.4)."""

SERIES = """
    SeriesInstanceUID Modality SeriesNumber SeriesDate SeriesTime SeriesDescription SeriesDescriptionCodeSequence Laterality
    BodyPartExamined ProtocolName PatientPosition AnatomicalOrientationType PresentationIntentType PerformingPhysicianName
    PerformingPhysicianIdentificationSequence OperatorsName OperatorIdentificationSequence ReferencedDefinedProtocolSequence
    ReferencedPerformedProtocolSequence ReferencedPerformedProcedureStepSequence RelatedSeriesSequence SmallestPixelValueInSeries
    LargestPixelValueInSeries RequestAttributesSequence PerformedProcedureStepID PerformedProcedureStepStartDate
    PerformedProcedureStepStartTime PerformedProcedureStepEndDate PerformedProcedureStepEndTime PerformedProcedureStepDescription
    PerformedProtocolCodeSequence CommentsOnThePerformedProcedureStep TreatmentSessionUID ClinicalTrialCoordinatingCenterName
    ClinicalTrialSeriesID ClinicalTrialSeriesDescription NumberOfSeriesRelatedInstances
"""
"""General Series and Clinical Trial Series modules (C.7.3)."""

EQUIPMENT = """
    Manufacturer ManufacturerModelName InstitutionName InstitutionAddress InstitutionalDepartmentName
    InstitutionalDepartmentTypeCodeSequence StationName DeviceSerialNumber SoftwareVersions GantryID DeviceUID UDISequence
    DateOfLastCalibration TimeOfLastCalibration SpatialResolution FrameOfReferenceUID PositionReferenceIndicator
    SynchronizationFrameOfReferenceUID
"""
"""Frame of Reference, Synchronization and General Equipment modules (C.7.4, C.7.5): a series has one of each."""
