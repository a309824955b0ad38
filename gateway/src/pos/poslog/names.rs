//! The names of POSLog that receipts need.

/// An element, by its local name within the namespace of ARTS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    PosLog,
    Transaction,
    TransactionId,
    RetailStoreId,
    BusinessUnit,
    UnitId,
    WorkstationId,
    TillId,
    SequenceNumber,
    ReceiptNumber,
    BusinessDayDate,
    BeginDateTime,
    EndDateTime,
    ReceiptDateTime,
    PosLogDateTime,
    CurrencyCode,
    /// And CustomerOrderTransaction: an order that may be paid.
    RetailTransaction,
    ControlTransaction,
    /// PostVoidTransaction, VoidTransaction.
    VoidTransaction,
    LineItem,
    Sale,
    Return,
    Tender,
    TenderChange,
    Rounding,
    Tax,
    Amount,
    Total,
    ExtendedAmount,
    Quantity,
    Description,
    ItemId,
    PosIdentity,
    PosItemId,
    TransactionLink,
    ReturnTransactionLink,
    Customer,
    CustomerId,
    LoyaltyAccount,
    LoyaltyProgram,
    LoyaltyAccountId,
    /// A loyalty number of NCR's own namespace.
    NcrLoyaltyId,
    /// Of the namespace of ARTS, of no use here.
    Other,
    /// Of another namespace.
    Foreign,
}

impl Name {
    pub(super) fn of(local: &[u8]) -> Self {
        match local {
            b"POSLog" | b"DigitalReceipt" => Self::PosLog,
            b"Transaction" => Self::Transaction,
            b"TransactionID" => Self::TransactionId,
            b"RetailStoreID" => Self::RetailStoreId,
            b"BusinessUnit" => Self::BusinessUnit,
            b"UnitID" => Self::UnitId,
            b"WorkstationID" => Self::WorkstationId,
            b"TillID" => Self::TillId,
            b"SequenceNumber" => Self::SequenceNumber,
            b"ReceiptNumber" => Self::ReceiptNumber,
            b"BusinessDayDate" => Self::BusinessDayDate,
            b"BeginDateTime" => Self::BeginDateTime,
            b"EndDateTime" => Self::EndDateTime,
            b"ReceiptDateTime" => Self::ReceiptDateTime,
            b"POSLogDateTime" => Self::PosLogDateTime,
            b"CurrencyCode" => Self::CurrencyCode,
            b"RetailTransaction" | b"CustomerOrderTransaction" => Self::RetailTransaction,
            b"ControlTransaction" => Self::ControlTransaction,
            b"PostVoidTransaction" | b"VoidTransaction" => Self::VoidTransaction,
            b"LineItem" => Self::LineItem,
            b"Sale" => Self::Sale,
            b"Return" => Self::Return,
            b"Tender" => Self::Tender,
            b"TenderChange" => Self::TenderChange,
            b"Rounding" => Self::Rounding,
            b"Tax" => Self::Tax,
            b"Amount" => Self::Amount,
            b"Total" => Self::Total,
            b"ExtendedAmount" => Self::ExtendedAmount,
            b"Quantity" => Self::Quantity,
            b"Description" => Self::Description,
            b"ItemID" => Self::ItemId,
            b"POSIdentity" => Self::PosIdentity,
            b"POSItemID" => Self::PosItemId,
            b"TransactionLink" => Self::TransactionLink,
            b"ReturnTransactionLink" => Self::ReturnTransactionLink,
            b"Customer" => Self::Customer,
            b"CustomerID" => Self::CustomerId,
            b"LoyaltyAccount" => Self::LoyaltyAccount,
            b"LoyaltyProgram" => Self::LoyaltyProgram,
            b"LoyaltyAccountID" => Self::LoyaltyAccountId,
            _ => Self::Other,
        }
    }

    pub(super) fn of_ncr(local: &[u8]) -> Self {
        match local {
            b"LoyaltyID" => Self::NcrLoyaltyId,
            _ => Self::Foreign,
        }
    }
}
